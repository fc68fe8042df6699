//! `--memory`: which memories there are.

mod file;

use std::path::Path;

use clap::Args;
use plimsoll::{Pool, Pools};

use crate::Failure;
use crate::inputs::read_text;
use crate::values::size;

/// Machines that have a name here: the files in `cli/memory`.
const PRESETS: [(&str, &str); 4] = [
    ("mcu", include_str!("../../memory/mcu.toml")),
    ("npu", include_str!("../../memory/npu.toml")),
    ("shared-sram", include_str!("../../memory/shared-sram.toml")),
    ("dedicated-sram", include_str!("../../memory/dedicated-sram.toml")),
];

/// Home, if none is given.
const HOME: &str = "ddr";

#[derive(Args, Debug)]
pub struct MemoryArguments {
    /// A memory, as in l2=2MiB; several of them fast ones first. The last is home if it is
    /// called ddr, or unlimited as in flash=unlimited; else `ddr` is added. A byte read or
    /// written at home costs one, elsewhere none. Or a whole machine: mcu, npu, shared-sram,
    /// dedicated-sram, or a .toml file.
    #[arg(long = "memory", value_name = "NAME=SIZE|MACHINE", value_parser = given)]
    given: Vec<Given>,
}

#[derive(Clone, Debug)]
enum Given {
    Pool(String, Option<u64>),
    Preset(&'static str, &'static str),
    File(String),
}

fn given(text: &str) -> Result<Given, String> {
    if Path::new(text).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml")) {
        return Ok(Given::File(text.to_owned()));
    }
    if let Some((name, bytes)) = text.split_once('=') {
        let bytes = if bytes.trim() == "unlimited" { None } else { Some(size(bytes)?) };
        return match name.trim() {
            "" => Err("expected NAME=SIZE, as in l2=2MiB".to_owned()),
            name => Ok(Given::Pool(name.to_owned(), bytes)),
        };
    }
    let preset = PRESETS.iter().find(|(name, _)| *name == text);
    preset.map(|&(name, contents)| Given::Preset(name, contents)).ok_or_else(|| {
        let names: Vec<&str> = PRESETS.iter().map(|(name, _)| *name).collect();
        format!("expected NAME=SIZE as in l2=2MiB, a .toml file, or one of {}", names.join(", "))
    })
}

impl MemoryArguments {
    /// Whether there are any.
    pub fn is_given(&self) -> bool {
        !self.given.is_empty()
    }

    /// The files that are read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.given.iter().filter_map(|given| match given {
            Given::File(path) => Some(Path::new(path)),
            Given::Pool(..) | Given::Preset(..) => None,
        })
    }

    /// What is said, as pools.
    pub fn pools(&self) -> Result<Pools, Failure> {
        match self.given.as_slice() {
            [] => Err("no memory is given; say it as in --memory l2=2MiB".into()),
            [Given::Preset(name, contents)] => Ok(file::pools(name, contents)?),
            [Given::File(path)] => Ok(file::pools(path, &read_text(Path::new(path))?)?),
            list => inline(list),
        }
    }
}

fn inline(list: &[Given]) -> Result<Pools, Failure> {
    let (mut pools, mut has_home) = (Vec::new(), false);
    if list.len() > Pools::MAX_COUNT {
        let (count, most) = (list.len(), Pools::MAX_COUNT);
        return Err(format!("--memory: it is given {count} times, and at most {most} memories may be").into());
    }
    for (place, one) in list.iter().enumerate() {
        let is_last = place + 1 == list.len();
        let (name, bytes) = match one {
            Given::Pool(name, bytes) => (name, *bytes),
            Given::Preset(name, _) => return Err(not_alone(name)),
            Given::File(path) => return Err(not_alone(path)),
        };
        pools.push(match bytes {
            None if is_last => Pool::off_chip(name),
            None => {
                return Err(
                    format!("--memory {name}=unlimited: what is unlimited is home, and comes last").into()
                );
            }
            Some(bytes) if is_last && name == HOME => Pool::off_chip(name).capacity(bytes),
            Some(bytes) => Pool::on_chip(name, bytes),
        });
        has_home = bytes.is_none() || (is_last && name == HOME);
    }
    if !has_home {
        pools.push(Pool::off_chip(HOME));
    }
    Pools::new(pools).map_err(|error| format!("--memory: {error}").into())
}

fn not_alone(machine: &str) -> Failure {
    format!("--memory {machine} is a whole machine, and stands alone").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pools(texts: &[&str]) -> Result<Pools, String> {
        let given = texts.iter().map(|text| given(text)).collect::<Result<Vec<_>, _>>()?;
        MemoryArguments { given }.pools().map_err(|error| error.to_string())
    }

    #[test]
    fn home_is_said_or_added() {
        let names = |texts: &[&str]| -> Vec<(String, Option<u64>)> {
            let pools = pools(texts).unwrap();
            pools.list().iter().map(|pool| (pool.name().to_owned(), pool.bytes())).collect()
        };
        let pair = |name: &str, bytes| (name.to_owned(), bytes);
        assert_eq!(names(&["l2=2MiB"]), [pair("l2", Some(2 << 20)), pair("ddr", None)]);
        assert_eq!(names(&["l2=1", "ddr=9"]), [pair("l2", Some(1)), pair("ddr", Some(9))]);
        assert_eq!(names(&["a=0", "flash=unlimited"]), [pair("a", Some(0)), pair("flash", None)]);
        assert!(pools(&["a=unlimited", "b=1"]).unwrap_err().contains("comes last"));
        assert!(pools(&["a=1", "a=1"]).unwrap_err().contains("two pools are called `a`"));
        assert!(pools(&["npu", "a=1"]).unwrap_err().contains("stands alone"));
        assert!(pools(&["gpu"]).unwrap_err().contains("mcu, npu"));
        assert!(pools(&["a=1"; 9]).unwrap_err().contains("given 9 times, and at most 8"));
        assert!(pools(&["=1"]).unwrap_err().contains("NAME=SIZE"));
    }

    #[test]
    fn presets_are_right() {
        for (name, _) in PRESETS {
            let pools = pools(&[name]).unwrap();
            assert!(pools.list().len() >= 2 && pools.home().bytes().is_none(), "{name}");
        }
    }
}
