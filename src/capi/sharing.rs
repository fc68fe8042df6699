//! Permissions to share memory, constraints between tensors, and the sharing of a plan.

use super::boundary::{Failure, assign, choice, guard, mutable, reference, unknown};
use super::graph::plimsoll_graph;
use super::options::plimsoll_options;
use super::plan::plimsoll_plan;
use super::record_size::{copy_records, read};
use super::records::{plimsoll_alias, plimsoll_permit, plimsoll_windowed};
use super::status::{
    PLIMSOLL_ALIAS_CONCAT, PLIMSOLL_ALIAS_IN_PLACE, PLIMSOLL_ALIAS_OVERLAP, PLIMSOLL_ALIAS_SLICE,
    PLIMSOLL_ALIAS_VIEW, PLIMSOLL_PERMIT_CONCAT_SLICE, PLIMSOLL_PERMIT_IN_PLACE,
    PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW, PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW, PLIMSOLL_PERMIT_VIEW,
    PLIMSOLL_SHARING_ALL, PLIMSOLL_SHARING_IN_PLACE, PLIMSOLL_SHARING_NONE, PLIMSOLL_SHARING_VIEWS,
};
use crate::{Alias, AliasKind, OperatorId, Permit, SharingLevel, Side, TensorId, Windowed};

/// Adds a permission: an input and an output of an operator may share memory. A plan need not use
/// it. `permit` is one of `PLIMSOLL_PERMIT_...`. `bytes` is, for VIEW, the position in the input of
/// the output's first byte; for CONCAT_SLICE, the position in the output of the input's first byte; for an
/// OVERLAP, the number of bytes at the end of the lower tensor that may be the start of the upper
/// one; for IN_PLACE, 0.
///
/// In a graph that is not built, `plimsoll_graph_build` validates the permission; in a built graph,
/// which no other thread may use, this call does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_permit(
    graph: *mut plimsoll_graph,
    operator_: u32,
    permit: i32,
    input: u32,
    output: u32,
    bytes: u64,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let ids = super::graph::tensor_ids(&[input, output])?;
        let permit = self::permit(permit, ids[0], ids[1], bytes)?;
        let missing = || super::graph::no_operator(operator_);
        let id = super::graph::operator_id(operator_).ok_or_else(missing)?;
        match graph.builder() {
            Ok(builder) => {
                builder.operator_mut(id).ok_or_else(missing)?.permits([permit]);
            }
            Err(_) => graph.change()?.permit(id, [permit])?,
        }
        Ok(())
    })
}

fn permit(number: i32, input: TensorId, output: TensorId, bytes: u64) -> Result<Permit, Failure> {
    Ok(match number {
        PLIMSOLL_PERMIT_VIEW => Permit::View { input, output, at: bytes },
        PLIMSOLL_PERMIT_CONCAT_SLICE => Permit::ConcatSlice { input, output, at: bytes },
        PLIMSOLL_PERMIT_IN_PLACE => Permit::InPlace { input, output },
        PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW => Permit::Overlap { input, output, bytes, lower: Side::Input },
        PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW => Permit::Overlap { input, output, bytes, lower: Side::Output },
        _ => return Err(unknown(number, "permission", "PERMIT")),
    })
}

pub(super) fn permit_record(operator: u32, permit: Permit) -> plimsoll_permit {
    let (number, bytes) = match permit {
        Permit::View { at, .. } => (PLIMSOLL_PERMIT_VIEW, at),
        Permit::ConcatSlice { at, .. } => (PLIMSOLL_PERMIT_CONCAT_SLICE, at),
        Permit::InPlace { .. } => (PLIMSOLL_PERMIT_IN_PLACE, 0),
        Permit::Overlap { bytes, lower: Side::Input, .. } => (PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW, bytes),
        Permit::Overlap { bytes, lower: Side::Output, .. } => (PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW, bytes),
    };
    plimsoll_permit {
        bytes,
        operator_: operator,
        input: permit.input().index() as u32,
        output: permit.output().index() as u32,
        permit: number,
    }
}

/// Marks a graph input as overwritable: operators may overwrite it after its last read. For a graph
/// that is not built.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_mark_overwritable(graph: *mut plimsoll_graph, tensor: u32) -> i32 {
    guard(|| {
        let builder = unsafe { mutable(graph, "graph") }?.builder()?;
        builder.overwritable(super::graph::tensor_ids(&[tensor])?[0]);
        Ok(())
    })
}

/// Adds a constraint: a tensor lies `at` bytes after the start of tensor `of` in every plan. With
/// `at` 0 the two are colocated; together with a permission of an operator that reads one and writes
/// the other, they must alias. For a graph that is not built.
///
/// The constraint alone does not permit sharing. Where both have bytes in common, either the live
/// range of one ends before that of the other begins, and their operators keep the program order; or
/// an operator permits it, and the permission then counts at any sharing level of the options. A
/// constraint that cannot be satisfied is PLIMSOLL_ERROR_INVALID when the graph is built or planned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_place_at(
    graph: *mut plimsoll_graph,
    tensor: u32,
    of: u32,
    at: u64,
) -> i32 {
    guard(|| {
        let builder = unsafe { mutable(graph, "graph") }?.builder()?;
        let ids = super::graph::tensor_ids(&[tensor, of])?;
        builder.place_at(ids[0], ids[1], at);
        Ok(())
    })
}

/// Adds a constraint: no plan lets these two tensors have a byte in common while both are live,
/// whatever operators permit. For a graph that is not built.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_keep_apart(
    graph: *mut plimsoll_graph,
    first: u32,
    second: u32,
) -> i32 {
    guard(|| {
        let builder = unsafe { mutable(graph, "graph") }?.builder()?;
        let ids = super::graph::tensor_ids(&[first, second])?;
        builder.keep_apart(ids[0], ids[1]);
        Ok(())
    })
}

/// Computes how many bytes at the end of the output may be the start of the input, for a convolution,
/// depthwise convolution or pooling that runs row by row, column by column and channel by channel:
/// for `PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW`. For loops that run from the last element to the first,
/// computes the bytes at the end of the input that may be the start of the output: for
/// `PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW`. PLIMSOLL_ERROR_ARGUMENT if the numbers contradict each
/// other, or one is above 2^24.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_safe_overlap(
    kernel: *const plimsoll_windowed,
    record_size: usize,
    bytes: *mut u64,
) -> i32 {
    guard(|| {
        let kernel = unsafe { read(kernel, record_size, "kernel") }?;
        let plimsoll_windowed { input, output, window, stride, padding, dilation, element_bytes, .. } =
            kernel;
        let [by_channel, descending] = [kernel.by_channel, kernel.descending].map(|flag| flag != 0);
        let windowed = Windowed {
            input,
            output,
            window,
            stride,
            padding,
            dilation,
            by_channel,
            descending,
            element_bytes,
        };
        let wrong = || Failure::argument(format!("inconsistent kernel geometry: {windowed:?}"));
        *unsafe { mutable(bytes, "bytes") }? = windowed.safe_overlap().ok_or_else(wrong)?;
        Ok(())
    })
}

/// Sets which permissions of operators a plan may use: `PLIMSOLL_SHARING_...`; the default is NONE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_sharing(options: *mut plimsoll_options, sharing: i32) -> i32 {
    let levels = [
        (PLIMSOLL_SHARING_NONE, SharingLevel::None),
        (PLIMSOLL_SHARING_VIEWS, SharingLevel::Views),
        (PLIMSOLL_SHARING_IN_PLACE, SharingLevel::InPlace),
        (PLIMSOLL_SHARING_ALL, SharingLevel::All),
    ];
    let level = || choice(&levels, sharing, "sharing level", "SHARING");
    unsafe { assign(options, "options", |options| &mut options.sharing, level) }
}

/// Copies out the pairs of tensors that share memory while both are live: data that a program that
/// runs the plan need not copy. Copies at most `capacity` entries; `count` receives their number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_aliases(
    plan: *const plimsoll_plan,
    aliases: *mut plimsoll_alias,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || Ok(unsafe { reference(plan, "plan") }?.plan.aliases.iter().map(record));
    unsafe { copy_records(aliases, record_size, capacity, count, listed) }
}

/// The alias of a record; `None` for an unknown kind.
pub(super) fn alias_of(record: &plimsoll_alias) -> Option<Alias> {
    let kind = match record.kind {
        PLIMSOLL_ALIAS_VIEW => AliasKind::View,
        PLIMSOLL_ALIAS_SLICE => AliasKind::Slice,
        PLIMSOLL_ALIAS_CONCAT => AliasKind::Concat,
        PLIMSOLL_ALIAS_IN_PLACE => AliasKind::InPlace,
        PLIMSOLL_ALIAS_OVERLAP => AliasKind::Overlap,
        _ => return None,
    };
    let [tensor, of] = [record.tensor, record.of].map(|index| TensorId::new(index as usize));
    Some(Alias { tensor, of, at: record.at, kind, operator: OperatorId::new(record.operator_ as usize) })
}

pub(super) fn record(alias: &crate::Alias) -> plimsoll_alias {
    let kind = match alias.kind {
        AliasKind::View => PLIMSOLL_ALIAS_VIEW,
        AliasKind::Slice => PLIMSOLL_ALIAS_SLICE,
        AliasKind::Concat => PLIMSOLL_ALIAS_CONCAT,
        AliasKind::InPlace => PLIMSOLL_ALIAS_IN_PLACE,
        AliasKind::Overlap => PLIMSOLL_ALIAS_OVERLAP,
    };
    plimsoll_alias {
        at: alias.at,
        tensor: alias.tensor.index() as u32,
        of: alias.of.index() as u32,
        operator_: alias.operator.index() as u32,
        kind,
    }
}
