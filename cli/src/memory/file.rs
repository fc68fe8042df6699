//! A machine's memories as TOML.

use plimsoll::{Content, Loading, Pool, Pools};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};
use toml::Spanned;

use crate::values::size;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Machine {
    #[serde(default)]
    pool: Entries,
    inputs: Option<Spanned<String>>,
    outputs: Option<Spanned<String>>,
    #[serde(default)]
    loading: When,
    #[serde(default)]
    prefetch: u32,
}

/// The pools of a file, of which no more are read than a machine may have.
#[derive(Default)]
struct Entries {
    list: Vec<Entry>,
    /// Those that are not read included.
    count: usize,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counted;
        impl<'de> Visitor<'de> for Counted {
            type Value = Entries;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of pools, each begun by [[pool]]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut pools: A) -> Result<Entries, A::Error> {
                let mut entries = Entries::default();
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
        deserializer.deserialize_seq(Counted)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    capacity: Option<Bytes>,
    alignment: Option<Power>,
    largest: Option<Bytes>,
    holds: Option<Vec<Kind>>,
    #[serde(default)]
    read: u32,
    #[serde(default)]
    write: u32,
    copy_from: Option<u32>,
    copy_to: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    #[default]
    Once,
    EachRun,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Activations,
    Constants,
    Variables,
    Scratch,
}

/// A number, or a text as in `2MiB`.
struct Bytes(u64);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Bytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number of bytes, or a text as in \"2MiB\"")
            }

            fn visit_i64<E: serde::de::Error>(self, bytes: i64) -> Result<Bytes, E> {
                u64::try_from(bytes).map(Bytes).map_err(|_| E::custom(format!("{bytes} is no size")))
            }

            fn visit_u64<E: serde::de::Error>(self, bytes: u64) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bytes, E> {
                size(text).map(Bytes).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A power of two.
struct Power(u64);

impl<'de> Deserialize<'de> for Power {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?.0;
        if bytes.is_power_of_two() {
            Ok(Self(bytes))
        } else {
            Err(D::Error::custom(format!("{bytes} is not a power of two")))
        }
    }
}

/// The pools of a file; `name` is told in errors.
pub fn pools(name: &str, text: &str) -> Result<Pools, String> {
    let machine: Machine = toml::from_str(text).map_err(|error| {
        let message = error.message().replace('\n', "; ");
        match error.span() {
            Some(span) => at(name, text, span.start, &message),
            None => format!("{name}: {message}"),
        }
    })?;
    let Entries { list, count } = machine.pool;
    if count > list.len() {
        let most = Pools::MAX_COUNT;
        return Err(format!("{name}: pools: there are {count}, and at most {most} may be"));
    }
    for (place, pool) in list.iter().enumerate() {
        let called = pool.name.get_ref();
        if called.is_empty() {
            return Err(at(name, text, pool.name.span().start, "a pool needs a name"));
        }
        if list[..place].iter().any(|other| other.name.get_ref() == called) {
            let message = format!("two pools are called `{called}`");
            return Err(at(name, text, pool.name.span().start, &message));
        }
    }
    let pools = Pools::new(list.into_iter().map(Entry::pool));
    let mut pools = pools.map_err(|error| format!("{name}: {error}"))?.prefetch(machine.prefetch);
    if let When::EachRun = machine.loading {
        pools = pools.loading(Loading::EachRun);
    }
    let wrong = |wanted: &Spanned<String>, error: plimsoll::Error| {
        at(name, text, wanted.span().start, &error.to_string())
    };
    if let Some(wanted) = &machine.inputs {
        pools = pools.inputs(wanted.get_ref()).map_err(|error| wrong(wanted, error))?;
    }
    if let Some(wanted) = &machine.outputs {
        pools = pools.outputs(wanted.get_ref()).map_err(|error| wrong(wanted, error))?;
    }
    Ok(pools)
}

impl Entry {
    fn pool(self) -> Pool {
        let mut pool = Pool::new(self.name.into_inner()).read_cost(self.read).write_cost(self.write);
        if self.copy_from.is_some() || self.copy_to.is_some() {
            pool = pool.copy_costs(self.copy_from.unwrap_or(self.read), self.copy_to.unwrap_or(self.write));
        }
        if let Some(Bytes(bytes)) = self.capacity {
            pool = pool.capacity(bytes);
        }
        if let Some(Power(bytes)) = self.alignment {
            pool = pool.alignment(bytes);
        }
        if let Some(Bytes(bytes)) = self.largest {
            pool = pool.largest(bytes);
        }
        match self.holds {
            Some(kinds) => pool.only(kinds.into_iter().map(Kind::content)),
            None => pool,
        }
    }
}

impl Kind {
    fn content(self) -> Content {
        match self {
            Kind::Activations => Content::Activations,
            Kind::Constants => Content::Constants,
            Kind::Variables => Content::Variables,
            Kind::Scratch => Content::Scratch,
        }
    }
}

/// With file, line, and what stands there.
fn at(name: &str, text: &str, byte: usize, message: &str) -> String {
    let before = text.get(..byte).unwrap_or(text);
    let number = before.matches('\n').count();
    let line = text.lines().nth(number).unwrap_or("").trim();
    format!("{name}:{}: {message}, in `{line}`", number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_be_said_arrives() {
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
        let home = "[[pool]]\nname = \"ddr\"\n";
        for (text, message) in [
            (format!("{home}capasity = 1\n"), "m.toml:3: unknown field `capasity`"),
            (format!("{home}capacity = \"2 bananas\"\n"), "m.toml:3: "),
            (format!("{home}capacity = -1\n"), "m.toml:3: -1 is no size, in `capacity = -1`"),
            (format!("{home}alignment = 24\n"), "m.toml:3: 24 is not a power of two, in `alignment = 24`"),
            (format!("{home}read = -1\n"), "m.toml:3: "),
            (format!("{home}holds = [\"weights\"]\n"), "m.toml:3: unknown variant `weights`"),
            (
                format!("inputs = \"l9\"\n{home}"),
                "m.toml:1: pools: no pool is called `l9`; the pools are `ddr`",
            ),
            (format!("{home}{home}"), "m.toml:4: two pools are called `ddr`, in `name = \"ddr\"`"),
            ("[[pool]]\ncapacity = 1\n".to_owned(), "m.toml:1: missing field `name`"),
            ("[[pool]]\nname = \"\"\n".to_owned(), "m.toml:2: a pool needs a name"),
            (
                format!("{home}largest = 5\n"),
                "m.toml: pools: the last pool, `ddr`, must accept every kind and size of content",
            ),
            (String::new(), "m.toml: pools: no pool is given; give at least one"),
            (home.repeat(9), "m.toml: pools: there are 9, and at most 8 may be"),
            // Contents of pools that nobody reads are not looked at, and the count is told.
            (
                home.repeat(100_000) + "capacity = -1\n",
                "m.toml: pools: there are 100000, and at most 8 may be",
            ),
            ("[pool]\nname = \"ddr\"\n".to_owned(), "expected a list of pools, each begun by [[pool]]"),
            (format!("{home}name = \"again\"\n"), "m.toml:3: duplicate key"),
            ("[[pool]\n".to_owned(), "m.toml:1: "),
        ] {
            let error = pools("m.toml", &text).unwrap_err();
            assert!(error.contains(message), "no `{message}` in `{error}`");
        }
    }
}
