//! Memory systems as TOML: one `[[pool]]` per memory, fastest first.

use plimsoll::{Content, Loading, Pool, Pools};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use toml::Spanned;

use crate::values::size;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemorySystem {
    #[serde(default)]
    pool: PoolEntries,
    inputs: Option<Spanned<String>>,
    outputs: Option<Spanned<String>>,
    #[serde(default)]
    loading: WeightLoading,
    #[serde(default)]
    prefetch: u32,
}

/// Pools of a file. Only the first [`Pools::MAX_COUNT`] are kept, so that memory does not grow with
/// a hostile file.
#[derive(Default)]
struct PoolEntries {
    list: Vec<PoolSection>,
    /// Number of pools in the file.
    count: usize,
}

impl<'de> Deserialize<'de> for PoolEntries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PoolListVisitor;
        impl<'de> Visitor<'de> for PoolListVisitor {
            type Value = PoolEntries;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of pools, each with a [[pool]] header")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut pools: A) -> Result<PoolEntries, A::Error> {
                let mut entries = PoolEntries::default();
                while entries.count < Pools::MAX_COUNT {
                    let Some(entry) = pools.next_element()? else { return Ok(entries) };
                    entries.list.push(entry);
                    entries.count += 1;
                }
                while pools.next_element::<IgnoredAny>()?.is_some() {
                    entries.count += 1;
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_seq(PoolListVisitor)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolSection {
    name: Spanned<String>,
    capacity: Option<PoolSize>,
    alignment: Option<PowerOfTwo>,
    largest: Option<PoolSize>,
    holds: Option<Vec<Content>>,
    #[serde(default)]
    read: u32,
    #[serde(default)]
    write: u32,
    copy_from: Option<u32>,
    copy_to: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WeightLoading {
    #[default]
    Once,
    EachRun,
}

/// Size in bytes: a number, or a string such as `2MiB`.
#[derive(Deserialize)]
#[serde(try_from = "toml::Value")]
struct PoolSize(u64);

impl TryFrom<toml::Value> for PoolSize {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Integer(bytes) => {
                u64::try_from(bytes).map(Self).map_err(|_| format!("{bytes} is not a size in bytes"))
            }
            toml::Value::String(text) => size(&text).map(Self),
            _ => Err("expected a number of bytes, or a string such as \"2MiB\"".to_owned()),
        }
    }
}

/// Alignment: a power of two.
#[derive(Deserialize)]
#[serde(try_from = "PoolSize")]
struct PowerOfTwo(u64);

impl TryFrom<PoolSize> for PowerOfTwo {
    type Error = String;

    fn try_from(PoolSize(bytes): PoolSize) -> Result<Self, String> {
        if bytes.is_power_of_two() { Ok(Self(bytes)) } else { Err(format!("{bytes} is not a power of two")) }
    }
}

/// Parses the text of a memory system; errors contain `name`, the line number and the line.
pub fn pools(name: &str, text: &str) -> Result<Pools, String> {
    let system: MemorySystem = toml::from_str(text).map_err(|error| {
        let message = error.message().replace('\n', "; ");
        match error.span() {
            Some(span) => error_in_line(name, text, span.start, &message),
            None => format!("{name}: {message}"),
        }
    })?;
    let PoolEntries { list, count } = system.pool;
    if count > list.len() {
        let limit = Pools::MAX_COUNT;
        return Err(format!("{name}: too many pools ({count}, at most {limit})"));
    }
    for (index, pool) in list.iter().enumerate() {
        let pool_name = pool.name.get_ref();
        if pool_name.is_empty() {
            return Err(error_in_line(name, text, pool.name.span().start, "the pool has an empty name"));
        }
        if list[..index].iter().any(|other| other.name.get_ref() == pool_name) {
            let message = format!("pool name `{pool_name}` is used twice");
            return Err(error_in_line(name, text, pool.name.span().start, &message));
        }
    }
    let pools = Pools::new(list.into_iter().map(PoolSection::pool));
    let mut pools = pools.map_err(|error| format!("{name}: {error}"))?.prefetch(system.prefetch);
    if let WeightLoading::EachRun = system.loading {
        pools = pools.loading(Loading::EachRun);
    }
    let unknown_pool = |pool: &Spanned<String>, error: plimsoll::Error| {
        error_in_line(name, text, pool.span().start, &error.to_string())
    };
    if let Some(pool) = &system.inputs {
        pools = pools.inputs(pool.get_ref()).map_err(|error| unknown_pool(pool, error))?;
    }
    if let Some(pool) = &system.outputs {
        pools = pools.outputs(pool.get_ref()).map_err(|error| unknown_pool(pool, error))?;
    }
    Ok(pools)
}

impl PoolSection {
    fn pool(self) -> Pool {
        let mut pool = Pool::new(self.name.into_inner()).read_cost(self.read).write_cost(self.write);
        if self.copy_from.is_some() || self.copy_to.is_some() {
            pool = pool.copy_costs(self.copy_from.unwrap_or(self.read), self.copy_to.unwrap_or(self.write));
        }
        if let Some(PoolSize(bytes)) = self.capacity {
            pool = pool.capacity(bytes);
        }
        if let Some(PowerOfTwo(bytes)) = self.alignment {
            pool = pool.alignment(bytes);
        }
        if let Some(PoolSize(bytes)) = self.largest {
            pool = pool.largest(bytes);
        }
        match self.holds {
            Some(kinds) => pool.only(kinds),
            None => pool,
        }
    }
}

/// Error message with the file name, the line number and the line itself.
fn error_in_line(name: &str, text: &str, byte: usize, message: &str) -> String {
    let before = text.get(..byte).unwrap_or(text);
    let number = before.matches('\n').count();
    let line = text.lines().nth(number).unwrap_or("").trim();
    format!("{name}:{}: {message}, in `{line}`", number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_parsed() {
        let text = r#"
            inputs = "l1"
            outputs = "l2"
            loading = "each-run"
            prefetch = 1
            [[pool]]
            name = "l1"
            capacity = "64KiB"
            alignment = 32
            largest = 4096
            holds = ["activations", "scratch"]
            [[pool]]
            name = "l2"
            capacity = 1048576
            read = 1
            write = 2
            [[pool]]
            name = "flash"
            read = 10
            write = 20
            copy_from = 5
        "#;
        let found = pools("m.toml", text).unwrap();
        let l1 = Pool::on_chip("l1", 65536).alignment(32).largest(4096);
        let l1 = l1.only([Content::Activations, Content::Scratch]);
        let l2 = Pool::on_chip("l2", 1 << 20).read_cost(1).write_cost(2);
        let flash = Pool::new("flash").read_cost(10).write_cost(20).copy_costs(5, 20);
        let expected = Pools::new([l1, l2, flash]).unwrap().loading(Loading::EachRun).prefetch(1);
        assert_eq!(found, expected.inputs("l1").unwrap().outputs("l2").unwrap());
    }

    #[test]
    fn errors_name_file_line_and_field() {
        let ddr = "[[pool]]\nname = \"ddr\"\n";
        for (text, message) in [
            (format!("{ddr}capasity = 1\n"), "m.toml:3: unknown field `capasity`"),
            (format!("{ddr}capacity = \"2 bananas\"\n"), "m.toml:3: "),
            (format!("{ddr}capacity = -1\n"), "m.toml:3: -1 is not a size in bytes, in `capacity = -1`"),
            (format!("{ddr}alignment = 24\n"), "m.toml:3: 24 is not a power of two, in `alignment = 24`"),
            (format!("{ddr}read = -1\n"), "m.toml:3: "),
            (format!("{ddr}holds = [\"weights\"]\n"), "m.toml:3: unknown variant `weights`"),
            (
                format!("inputs = \"l9\"\n{ddr}"),
                "m.toml:1: pools: no pool is called `l9`; the pools are `ddr`",
            ),
            (format!("{ddr}{ddr}"), "m.toml:4: pool name `ddr` is used twice, in `name = \"ddr\"`"),
            ("[[pool]]\ncapacity = 1\n".to_owned(), "m.toml:1: missing field `name`"),
            ("[[pool]]\nname = \"\"\n".to_owned(), "m.toml:2: the pool has an empty name"),
            (
                format!("{ddr}largest = 5\n"),
                "m.toml: pools: the last pool, `ddr`, must accept every kind and size of content",
            ),
            (String::new(), "m.toml: pools: no pool is given; give at least one"),
            (ddr.repeat(9), "m.toml: too many pools (9, at most 8)"),
            // Pools above the limit are counted, but not parsed.
            (ddr.repeat(100_000) + "capacity = -1\n", "m.toml: too many pools (100000, at most 8)"),
            ("[pool]\nname = \"ddr\"\n".to_owned(), "expected a list of pools, each with a [[pool]] header"),
            (format!("{ddr}name = \"again\"\n"), "m.toml:3: duplicate key"),
            ("[[pool]\n".to_owned(), "m.toml:1: "),
        ] {
            let error = pools("m.toml", &text).unwrap_err();
            assert!(error.contains(message), "no `{message}` in `{error}`");
        }
    }
}
