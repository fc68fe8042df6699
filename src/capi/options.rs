//! Options of a planner.

use std::ffi::{c_char, c_void};
use std::ops::Range;
use std::time::{Duration, Instant};

use super::boundary::{
    Failure, array, assign, choice, copy_text, create, flag, free, guard, mutable, null, number_or_none,
    power_of_two, text,
};
use super::callbacks::{
    Callback, CallbackStrategy, LogFunction, ProgressFunction, StrategyFunction, plimsoll_log_fn,
    plimsoll_progress_fn, plimsoll_strategy_fn,
};
use super::cancel::{plimsoll_cancel_token, token_of};
use super::record_size::check_size;
use super::records::{plimsoll_buffer, plimsoll_progress};
use super::status::{
    PLIMSOLL_EFFORT_DEFAULT, PLIMSOLL_EFFORT_QUICK, PLIMSOLL_EFFORT_THOROUGH, PLIMSOLL_ORDER_AUTO,
    PLIMSOLL_ORDER_OPTIMAL, PLIMSOLL_ORDER_PROGRAM, PLIMSOLL_VARIABLES_ARENA, PLIMSOLL_VARIABLES_OUTSIDE,
};
use crate::allocate::{self, Knapsack, Merge, Settings, Strategy};
use crate::{CancelToken, Effort, Limits, Plan, Planner, ScheduleMode, SharingLevel, Variables};

const MAX_THREADS: u32 = 1024;

/// Options of a planner. No thread may change them while another uses them; otherwise any number of
/// threads may use them at the same time, as far as their callbacks allow it: callbacks run on the
/// thread that plans.
pub struct plimsoll_options {
    alignment: u64,
    variables: Variables,
    schedule_mode: ScheduleMode,
    pub(super) sharing: SharingLevel,
    capacity: Option<u64>,
    reserved: Vec<Range<u64>>,
    effort: Effort,
    links: bool,
    strategy: StrategyChoice,
    max_objects: Option<usize>,
    given_objects: Vec<u64>,
    merge_from: Option<String>,
    seed: u64,
    threads: usize,
    nodes: Option<u64>,
    time: Option<Duration>,
    cancel: Option<CancelToken>,
    progress: Option<Callback<ProgressFunction>>,
    log: Option<Callback<LogFunction>>,
}

/// The strategy to use: by name, or a named callback.
#[derive(Clone)]
enum StrategyChoice {
    Named(String),
    Callback(String, Callback<StrategyFunction>),
}

impl Default for plimsoll_options {
    fn default() -> Self {
        Self {
            alignment: 16,
            variables: Variables::Arena,
            schedule_mode: ScheduleMode::default(),
            sharing: SharingLevel::default(),
            capacity: None,
            reserved: Vec::new(),
            effort: Effort::default(),
            links: true,
            strategy: StrategyChoice::Named("auto".to_owned()),
            max_objects: None,
            given_objects: Vec::new(),
            merge_from: None,
            seed: 0,
            threads: 1,
            nodes: None,
            time: None,
            cancel: None,
            progress: None,
            log: None,
        }
    }
}

impl plimsoll_options {
    pub(super) fn alignment(&self) -> u64 {
        self.alignment
    }

    /// States the memory that these options describe in a plan from another source.
    pub(super) fn state(&self, plan: &mut Plan) {
        plan.alignment = self.alignment;
        plan.variables = self.variables;
        plan.capacity = self.capacity;
        plan.reserved.clone_from(&self.reserved);
        plan.reserved.sort_unstable_by_key(|range| range.start);
    }

    pub(super) fn planner(&self) -> Result<Planner, Failure> {
        let planner = Planner::new()
            .alignment(self.alignment)
            .variables(self.variables)
            .order(self.schedule_mode)
            .share(self.sharing)
            .effort(self.effort)
            .links(self.links);
        let planner = planner.limits(self.limits()).strategy(self.strategy()?);
        let planner = self.reserved.iter().cloned().fold(planner, Planner::reserve);
        Ok(match self.capacity {
            Some(bytes) => planner.capacity(bytes),
            None => planner,
        })
    }

    /// Refuses options that TensorFlow Lite Micro cannot honor.
    #[cfg(feature = "tflite")]
    pub(super) fn check_for_tflite(&self) -> Result<(), Failure> {
        let contradictions = [
            (self.alignment != 16, "it aligns to 16"),
            (!self.reserved.is_empty(), "it places scratch anywhere, reserved ranges included"),
        ];
        match contradictions.iter().find(|contradiction| contradiction.0) {
            Some((_, why)) => Err(Failure::argument(format!("unsupported by TensorFlow Lite Micro: {why}"))),
            None => Ok(()),
        }
    }

    /// Planner for explaining an infeasible plan, to which only the limits apply.
    pub(super) fn explainer(&self) -> Planner {
        Planner::new().limits(self.limits())
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::new();
        if let Some(nodes) = self.nodes {
            limits = limits.nodes(nodes);
        }
        if let Some(deadline) = self.time.and_then(|time| Instant::now().checked_add(time)) {
            limits = limits.deadline(deadline);
        }
        if let Some(token) = &self.cancel {
            limits = limits.cancel(token.clone());
        }
        if let Some(callback) = self.progress {
            limits = limits.progress(move |progress| callback.call(progress));
        }
        limits
    }

    fn strategy(&self) -> Result<Box<dyn Strategy>, Failure> {
        Ok(match &self.strategy {
            StrategyChoice::Callback(name, callback) => Box::new(CallbackStrategy::new(name, *callback)),
            StrategyChoice::Named(name) if name == "knapsack" => Box::new(self.knapsack()),
            StrategyChoice::Named(name) if name == "merge" => Box::new(self.merge()?),
            StrategyChoice::Named(name) => allocate::by_name_with(name, self.settings())?,
        })
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        (settings.seed, settings.threads, settings.effort) = (self.seed, self.threads, self.effort);
        settings
    }

    fn knapsack(&self) -> Knapsack {
        let knapsack = Knapsack::new().given(self.given_objects.iter().copied());
        match self.max_objects {
            Some(count) => knapsack.max_objects(count),
            None => knapsack,
        }
    }

    fn merge(&self) -> Result<Merge, Failure> {
        let merge = match self.merge_from.as_deref() {
            None | Some("knapsack") => Merge::of(self.knapsack()),
            Some(name) => Merge::of(allocate::by_name_with(name, self.settings())?),
        };
        Ok(merge.seed(self.seed))
    }

    /// Sends a line to the log callback, if there is one.
    pub(super) fn log(&self, line: &str) {
        let Some(Callback { function, userdata, .. }) = self.log else { return };
        if let Ok(line) = std::ffi::CString::new(line.replace('\0', " ")) {
            // SAFETY: the caller registered this function together with this `userdata`.
            unsafe { function(userdata, line.as_ptr()) };
        }
    }
}

/// Reads the name of a strategy.
unsafe fn strategy_name(name: *const c_char) -> Result<String, Failure> {
    let name = unsafe { text(name, "name") }?;
    allocate::by_name(name)?;
    Ok(name.to_owned())
}

/// Creates options: alignment 16, variables in the arena, no capacity, strategy "auto", no limits.
/// Free them with `plimsoll_options_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_new(options: *mut *mut plimsoll_options) -> i32 {
    unsafe { create(options, "options", || Ok(plimsoll_options::default())) }
}

/// Sets the alignment in bytes, a power of two, of tensors without an alignment of their own and of
/// scratch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_alignment(options: *mut plimsoll_options, bytes: u64) -> i32 {
    unsafe { assign(options, "options", |options| &mut options.alignment, || power_of_two(bytes)) }
}

/// Sets where variables live: `PLIMSOLL_VARIABLES_...`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_variables(
    options: *mut plimsoll_options,
    location: i32,
) -> i32 {
    let places =
        [(PLIMSOLL_VARIABLES_ARENA, Variables::Arena), (PLIMSOLL_VARIABLES_OUTSIDE, Variables::Outside)];
    let place = || choice(&places, location, "location of variables", "VARIABLES");
    unsafe { assign(options, "options", |options| &mut options.variables, place) }
}

/// Sets how `plimsoll_graph_plan` orders the operators: `PLIMSOLL_ORDER_...`; the default is AUTO. A
/// custom strategy can be called for several orders.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_order(options: *mut plimsoll_options, order: i32) -> i32 {
    let modes = [
        (PLIMSOLL_ORDER_PROGRAM, ScheduleMode::Program),
        (PLIMSOLL_ORDER_AUTO, ScheduleMode::Auto),
        (PLIMSOLL_ORDER_OPTIMAL, ScheduleMode::Optimal),
    ];
    let mode = || choice(&modes, order, "order mode", "ORDER");
    unsafe { assign(options, "options", |options| &mut options.schedule_mode, mode) }
}

/// Sets the amount of work of searches without a limit: `PLIMSOLL_EFFORT_...`; the default is DEFAULT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_effort(options: *mut plimsoll_options, effort: i32) -> i32 {
    let efforts = [
        (PLIMSOLL_EFFORT_QUICK, Effort::Quick),
        (PLIMSOLL_EFFORT_DEFAULT, Effort::Default),
        (PLIMSOLL_EFFORT_THOROUGH, Effort::Thorough),
    ];
    let effort = || choice(&efforts, effort, "effort", "EFFORT");
    unsafe { assign(options, "options", |options| &mut options.effort, effort) }
}

/// Sets whether a plan may keep inputs and outputs of operators inside the memory of their bodies, as links of bodies
/// allow (`plimsoll_graph_link_body`, branches of ONNX models): 0 or 1; the default is 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_links(options: *mut plimsoll_options, links: i32) -> i32 {
    unsafe { assign(options, "options", |options| &mut options.links, || flag(links)) }
}

/// Sets the arena capacity in bytes, or PLIMSOLL_NONE. A plan that needs more is still returned;
/// its status reports it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_capacity(options: *mut plimsoll_options, bytes: u64) -> i32 {
    unsafe { assign(options, "options", |options| &mut options.capacity, || Ok(number_or_none(bytes))) }
}

/// Reserves the bytes of the arena from `start` to `end` (exclusive) for the caller. Each call
/// reserves another range; `plimsoll_options_clear_reserved` removes all. Reserved bytes below the
/// end of the topmost buffer count as part of the arena. A custom strategy receives reserved ranges
/// as additional buffers with fixed offsets, after all others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_reserve(
    options: *mut plimsoll_options,
    start: u64,
    end: u64,
) -> i32 {
    guard(|| {
        let options = unsafe { mutable(options, "options") }?;
        if start >= end {
            return Err(Failure::argument(format!("reserved range {start}..{end} is empty")));
        }
        options.reserved.push(start..end);
        Ok(())
    })
}

/// Removes all reserved ranges.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_clear_reserved(options: *mut plimsoll_options) -> i32 {
    unsafe { assign(options, "options", |options| &mut options.reserved, || Ok(Vec::new())) }
}

/// Sets the strategy that chooses offsets, by a name from `plimsoll_strategy_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_strategy(
    options: *mut plimsoll_options,
    name: *const c_char,
) -> i32 {
    let choice = || Ok(StrategyChoice::Named(unsafe { strategy_name(name) }?));
    unsafe { assign(options, "options", |options| &mut options.strategy, choice) }
}

/// Sets a callback as the strategy that chooses offsets. Messages show `name`. The callback receives
/// buffers of `record_size` bytes: sizeof(plimsoll_buffer).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_custom_strategy(
    options: *mut plimsoll_options,
    name: *const c_char,
    strategy: plimsoll_strategy_fn,
    userdata: *mut c_void,
    record_size: usize,
) -> i32 {
    let choice = || {
        let name = unsafe { text(name, "name") }?.to_owned();
        let function = strategy.ok_or_else(|| null("strategy"))?;
        check_size::<plimsoll_buffer>(record_size)?;
        Ok(StrategyChoice::Callback(name, Callback { function, userdata, record_size }))
    };
    unsafe { assign(options, "options", |options| &mut options.strategy, choice) }
}

/// Sets the maximum number of shared objects of strategy "knapsack", also where "merge" starts from
/// it; given objects included; 0 for no maximum.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_max_objects(
    options: *mut plimsoll_options,
    count: usize,
) -> i32 {
    let max = || Ok(Some(count).filter(|&count| count > 0));
    unsafe { assign(options, "options", |options| &mut options.max_objects, max) }
}

/// Sets the sizes in bytes of existing shared objects for strategy "knapsack", also where "merge"
/// starts from it. The strategy fills them before it creates others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_given_objects(
    options: *mut plimsoll_options,
    sizes: *const u64,
    count: usize,
) -> i32 {
    let objects = || Ok(unsafe { array(sizes, count, "sizes") }?.to_vec());
    unsafe { assign(options, "options", |options| &mut options.given_objects, objects) }
}

/// Sets the strategy whose shared objects "merge" starts from; the default is "knapsack".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_merge_from(
    options: *mut plimsoll_options,
    name: *const c_char,
) -> i32 {
    let strategy = || Ok(Some(unsafe { strategy_name(name) }?));
    unsafe { assign(options, "options", |options| &mut options.merge_from, strategy) }
}

/// Sets the random seed of strategies that draw random numbers. Equal seeds give equal plans.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_seed(options: *mut plimsoll_options, seed: u64) -> i32 {
    unsafe { assign(options, "options", |options| &mut options.seed, || Ok(seed)) }
}

/// Sets the number of threads of strategies "exact" and "auto", at least 1. A library built without
/// support for threads searches on the calling thread. Plans do not depend on the number. Callbacks
/// still run on the calling thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_threads(options: *mut plimsoll_options, count: u32) -> i32 {
    let count = || match count {
        1..=MAX_THREADS => Ok(count as usize),
        _ => Err(Failure::argument(format!("{count} threads are out of range; use 1 to {MAX_THREADS}"))),
    };
    unsafe { assign(options, "options", |options| &mut options.threads, count) }
}

/// Sets the approximate maximum of search nodes; PLIMSOLL_NONE for the default of each strategy.
/// Unlike a time limit, it gives the same plan on every machine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_node_limit(options: *mut plimsoll_options, nodes: u64) -> i32 {
    unsafe { assign(options, "options", |options| &mut options.nodes, || Ok(number_or_none(nodes))) }
}

/// Sets the approximate maximum time in milliseconds of each call that plans, or PLIMSOLL_NONE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_time_limit(
    options: *mut plimsoll_options,
    milliseconds: u64,
) -> i32 {
    let time = || Ok(number_or_none(milliseconds).map(Duration::from_millis));
    unsafe { assign(options, "options", |options| &mut options.time, time) }
}

/// Sets a token that stops searches when it is cancelled. The options keep a reference to it; NULL
/// for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_cancel(
    options: *mut plimsoll_options,
    cancel: *const plimsoll_cancel_token,
) -> i32 {
    unsafe { assign(options, "options", |options| &mut options.cancel, || token_of(cancel)) }
}

/// Sets the progress callback; NULL for none. It receives `userdata`, which must stay valid as long
/// as these options are used to plan, and a record of `record_size` bytes: sizeof(plimsoll_progress).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_progress(
    options: *mut plimsoll_options,
    progress: plimsoll_progress_fn,
    userdata: *mut c_void,
    record_size: usize,
) -> i32 {
    let callback = || {
        if progress.is_some() {
            check_size::<plimsoll_progress>(record_size)?;
        }
        Ok(progress.map(|function| Callback { function, userdata, record_size }))
    };
    unsafe { assign(options, "options", |options| &mut options.progress, callback) }
}

/// Sets the log callback; NULL for none. `userdata` as for `plimsoll_options_set_progress`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_log(
    options: *mut plimsoll_options,
    log: plimsoll_log_fn,
    userdata: *mut c_void,
) -> i32 {
    let log = || Ok(log.map(|function| Callback { function, userdata, record_size: 0 }));
    unsafe { assign(options, "options", |options| &mut options.log, log) }
}

/// Copies out the name of strategy number `index`, from 0; PLIMSOLL_ERROR_ARGUMENT beyond the last.
/// `size` receives the size of the name; see `plimsoll_last_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_strategy_name(
    index: usize,
    name: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        let count = allocate::NAMES.len();
        let strategy = allocate::NAMES.get(index);
        let strategy = strategy
            .ok_or_else(|| Failure::argument(format!("there is no strategy {index}; there are {count}")))?;
        unsafe { copy_text(strategy, name, capacity, size) }
    })
}

/// Frees options; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_free(options: *mut plimsoll_options) {
    unsafe { free(options) };
}
