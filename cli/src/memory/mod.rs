//! `--memory`: the memories of the target.

mod file;

use std::path::Path;

use clap::Args;
use plimsoll::{Graph, Pool, Pools};

use crate::inputs::read_text;
use crate::outcome::Failure;
use crate::values::size;

/// Predefined memory systems by name: the files in `cli/memory`.
const PRESETS: [(&str, &str); 4] = [
    ("mcu", include_str!("../../memory/mcu.toml")),
    ("npu", include_str!("../../memory/npu.toml")),
    ("shared-sram", include_str!("../../memory/shared-sram.toml")),
    ("dedicated-sram", include_str!("../../memory/dedicated-sram.toml")),
];

/// Name of the backing store that is added if the last memory is none.
const BACKING_STORE: &str = "ddr";

/// Options of the target's memories.
#[derive(Args, Debug)]
#[command(next_help_heading = "Memory options")]
pub struct MemoryArguments {
    /// On-chip memory, e.g. l2=2MiB; repeat it for several, fastest first. The last memory is the
    /// backing store if it is called ddr or has size unlimited, e.g. flash=unlimited; otherwise an
    /// unlimited `ddr` is added. Each byte read from or written to the backing store costs 1,
    /// other accesses cost 0. Instead, a predefined memory system (mcu, npu, shared-sram or
    /// dedicated-sram) or a .toml file.
    #[arg(id = "memories", long = "memory", value_name = "NAME=SIZE|SYSTEM|FILE.toml",
          value_parser = memory_value)]
    values: Vec<MemoryValue>,
}

/// Value of one `--memory`.
#[derive(Clone, Debug)]
enum MemoryValue {
    /// Name and capacity in bytes; no capacity means unlimited.
    Pool(String, Option<u64>),
    /// Name and TOML text.
    Preset(&'static str, &'static str),
    File(String),
}

fn memory_value(text: &str) -> Result<MemoryValue, String> {
    if Path::new(text).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml")) {
        return Ok(MemoryValue::File(text.to_owned()));
    }
    if let Some((name, bytes)) = text.split_once('=') {
        let bytes = if bytes.trim() == "unlimited" { None } else { Some(size(bytes)?) };
        return match name.trim() {
            "" => Err("expected NAME=SIZE, e.g. l2=2MiB".to_owned()),
            name => Ok(MemoryValue::Pool(name.to_owned(), bytes)),
        };
    }
    let preset = PRESETS.iter().find(|(name, _)| *name == text);
    preset.map(|&(name, contents)| MemoryValue::Preset(name, contents)).ok_or_else(|| {
        let names: Vec<&str> = PRESETS.iter().map(|(name, _)| *name).collect();
        format!("expected NAME=SIZE, e.g. l2=2MiB, a .toml file, or one of {}", names.join(", "))
    })
}

impl MemoryArguments {
    pub fn is_given(&self) -> bool {
        !self.values.is_empty()
    }

    /// Files that the option reads.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.values.iter().filter_map(|value| match value {
            MemoryValue::File(path) => Some(Path::new(path)),
            MemoryValue::Pool(..) | MemoryValue::Preset(..) => None,
        })
    }

    /// Memories of the option, fastest first; the last one is the backing store.
    pub fn pools(&self) -> Result<Pools, Failure> {
        match self.values.as_slice() {
            [] => Err("--memory: missing; use e.g. --memory l2=2MiB".into()),
            [MemoryValue::Preset(name, contents)] => Ok(file::pools(name, contents)?),
            [MemoryValue::File(path)] => Ok(file::pools(path, &read_text(Path::new(path))?)?),
            list => inline(list),
        }
    }
}

/// Memories given one by one; adds a backing store if the last one is none.
fn inline(list: &[MemoryValue]) -> Result<Pools, Failure> {
    let (mut pools, mut has_backing_store) = (Vec::new(), false);
    if list.len() > Pools::MAX_COUNT {
        let (count, limit) = (list.len(), Pools::MAX_COUNT);
        return Err(format!("--memory: too many memories ({count}, at most {limit})").into());
    }
    for (index, value) in list.iter().enumerate() {
        let is_last = index + 1 == list.len();
        let (name, bytes) = match value {
            MemoryValue::Pool(name, bytes) => (name, *bytes),
            MemoryValue::Preset(name, _) => return Err(not_alone(name)),
            MemoryValue::File(path) => return Err(not_alone(path)),
        };
        pools.push(match bytes {
            None if is_last => Pool::off_chip(name),
            None => {
                let message = "an unlimited memory is the backing store; give it last";
                return Err(format!("--memory {name}=unlimited: {message}").into());
            }
            Some(bytes) if is_last && name == BACKING_STORE => Pool::off_chip(name).capacity(bytes),
            Some(bytes) => Pool::on_chip(name, bytes),
        });
        has_backing_store = bytes.is_none() || (is_last && name == BACKING_STORE);
    }
    if !has_backing_store {
        pools.push(Pool::off_chip(BACKING_STORE));
    }
    Pools::new(pools).map_err(|error| format!("--memory: {error}").into())
}

fn not_alone(system: &str) -> Failure {
    format!("--memory {system}: describes all memories; give no other --memory with it").into()
}

/// Refuses a graph whose tensors have fixed offsets, because an offset alone names no memory.
pub fn check_no_fixed_offsets(graph: &Graph) -> Result<(), Failure> {
    let Some(tensor) = graph.tensors().iter().find(|tensor| tensor.fixed_offset().is_some()) else {
        return Ok(());
    };
    let name = tensor.name();
    Err(format!(
        "tensor `{name}` has a fixed offset, but plans for several memories have none; plan without --memory"
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pools(texts: &[&str]) -> Result<Pools, String> {
        let values = texts.iter().map(|text| memory_value(text)).collect::<Result<Vec<_>, _>>()?;
        MemoryArguments { values }.pools().map_err(|error| error.to_string())
    }

    #[test]
    fn the_backing_store_is_given_or_added() {
        let names = |texts: &[&str]| -> Vec<(String, Option<u64>)> {
            let pools = pools(texts).unwrap();
            pools.list().iter().map(|pool| (pool.name().to_owned(), pool.bytes())).collect()
        };
        let pair = |name: &str, bytes| (name.to_owned(), bytes);
        assert_eq!(names(&["l2=2MiB"]), [pair("l2", Some(2 << 20)), pair("ddr", None)]);
        assert_eq!(names(&["l2=1", "ddr=9"]), [pair("l2", Some(1)), pair("ddr", Some(9))]);
        assert_eq!(names(&["a=0", "flash=unlimited"]), [pair("a", Some(0)), pair("flash", None)]);
        assert!(pools(&["a=unlimited", "b=1"]).unwrap_err().contains("give it last"));
        assert!(pools(&["a=1", "a=1"]).unwrap_err().contains("two pools are called `a`"));
        assert!(pools(&["npu", "a=1"]).unwrap_err().contains("give no other"));
        assert!(pools(&["gpu"]).unwrap_err().contains("mcu, npu"));
        assert!(pools(&["a=1"; 9]).unwrap_err().contains("too many memories (9, at most 8)"));
        assert!(pools(&["=1"]).unwrap_err().contains("NAME=SIZE"));
    }

    #[test]
    fn presets_are_valid() {
        for (name, _) in PRESETS {
            let pools = pools(&[name]).unwrap();
            assert!(pools.list().len() >= 2 && pools.backing_store().bytes().is_none(), "{name}");
        }
    }
}
