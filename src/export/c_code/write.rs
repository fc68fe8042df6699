//! The texts: a header alone, or a header and a source.

use std::fmt::Write;

use super::prefix::fnv1a_64;
use super::text::comment;
use super::{CCode, Memory, Table};

/// `@P` stands for the prefix of macros, `@p` for that of all else.
const ASSERT: &str = "
/* Checked when it is compiled; before C11, by the size of an array. */
#if defined(__cplusplus) && (__cplusplus >= 201103L || defined(_MSVC_LANG))
#define @P_ASSERT(label, condition) static_assert(condition, #label)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define @P_ASSERT(label, condition) _Static_assert(condition, #label)
#else
#define @P_ASSERT(label, condition) typedef char @p_assert_##label[(condition) ? 1 : -1]
#endif
";

const UNUSED: &str = "
/* Whoever includes this need not use every table. */
#if defined(__GNUC__)
#define @P_UNUSED __attribute__((unused))
#else
#define @P_UNUSED
#endif
";

const ALIGNED: &str = "
#ifndef @P_ALIGNED
#if defined(__cplusplus)
#define @P_ALIGNED(bytes) alignas(bytes)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define @P_ALIGNED(bytes) _Alignas(bytes)
#elif defined(__GNUC__)
#define @P_ALIGNED(bytes) __attribute__((aligned(bytes)))
#else
#error \"define @P_ALIGNED(bytes) as this compiler aligns objects\"
#endif
#endif
";

const MEMORY: &str = "
/* A program that has memory of its own for this defines @P_NO_@NAME; one that wants it in a
 * section, @P_@NAME_ATTRIBUTES, as in __attribute__((section(\".sram\"))).@CONSTANTS */
#ifndef @P_NO_@NAME
#ifndef @P_@NAME_ATTRIBUTES
#define @P_@NAME_ATTRIBUTES
#endif
@P_ALIGNED(@P_@NAME_ALIGNMENT)
unsigned char @ARRAY[@P_@NAME_BYTES + (@P_@NAME_BYTES == 0ULL)] @P_@NAME_ATTRIBUTES;
#endif
";

const CONSTANTS: &str = "\n * Constants are in it as well: bring them there before the first run.";

/// Whether a file of this name can stand between the quotes of `#include`.
#[must_use]
pub fn can_include(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_control() || c == '"' || c == '\\')
}

impl CCode {
    /// One header with everything: constants, and tables that each file that includes it gets
    /// a copy of. There is no arena in it.
    #[must_use]
    pub fn alone(&self) -> String {
        let mut text = self.begin();
        text.push_str(&self.filled(UNUSED));
        for table in &self.tables {
            self.types(table, &mut text);
            let declaration = format!("static const {} {}_UNUSED", self.declared(table), self.prefix.upper());
            rows(table, &declaration, &mut text);
        }
        self.checks(&mut text);
        self.end(&mut text);
        text
    }

    /// A header with constants, and declarations of what [`CCode::source`] defines. Constants
    /// need no source.
    #[must_use]
    pub fn header(&self) -> String {
        let mut text = self.begin();
        for table in &self.tables {
            self.types(table, &mut text);
        }
        line(&mut text, "\n/* Defined in the source. */");
        line(&mut text, "#ifdef __cplusplus\nextern \"C\" {\n#endif");
        for memory in &self.memories {
            line(&mut text, format!("extern unsigned char {}[];", self.array(memory)));
        }
        for table in &self.tables {
            line(&mut text, format!("extern const {};", self.declared(table)));
        }
        line(&mut text, "#ifdef __cplusplus\n}\n#endif");
        self.end(&mut text);
        text
    }

    /// The source beside [`CCode::header`], which it includes by the name given, one that it
    /// [`can_include`]: the arena, aligned, the tables, and static asserts.
    #[must_use]
    pub fn source(&self, header_name: &str) -> String {
        let upper = self.prefix.upper();
        let mut text = format!("/* Memory plan of {}, made by plimsoll. */\n", comment(&self.model));
        line(&mut text, format!("#include \"{header_name}\"\n\n#include <stdint.h>\n"));
        let same = format!("{upper}_PLAN_ID == {}", self.id());
        self.assert("PLAN_ID_is_that_of_the_header", &same, &mut text);
        for Memory { name, .. } in &self.memories {
            let fits = format!("{upper}_{name}_BYTES <= SIZE_MAX / 2");
            self.assert(&format!("{name}_fits_this_machine"), &fits, &mut text);
        }
        self.checks(&mut text);
        text.push_str(&self.filled(ALIGNED));
        for memory in &self.memories {
            text.push_str(&self.memory_defined(memory));
        }
        for table in &self.tables {
            line(&mut text, "");
            rows(table, &format!("const {}", self.declared(table)), &mut text);
        }
        text
    }

    /// All that both kinds of headers begin with.
    fn begin(&self) -> String {
        let (upper, model) = (self.prefix.upper(), comment(&self.model));
        let mut text = format!("/* Memory plan of {model}, made by plimsoll. {} */\n", self.intro);
        line(&mut text, format!("#ifndef {upper}_H\n#define {upper}_H\n\n#include <stdint.h>\n"));
        text.push_str(&self.constants);
        line(&mut text, format!("#define {upper}_PLAN_ID {}", self.id()));
        text.push_str(&self.filled(ASSERT));
        text
    }

    /// Of a second plan with the same prefix, the guard would leave out everything in silence.
    fn end(&self, text: &mut String) {
        let upper = self.prefix.upper();
        line(text, format!("\n#elif {upper}_PLAN_ID != {}", self.id()));
        line(text, format!("#error \"two plans have the prefix {upper}\"\n#endif"));
    }

    /// Of all that is said: a source must not be used with the header of another plan.
    fn id(&self) -> String {
        let mut text = format!("{}\n{}", self.prefix, self.constants);
        for row in self.tables.iter().flat_map(|table| &table.rows) {
            line(&mut text, row);
        }
        format!("0x{:016x}ULL", fnv1a_64(text.as_bytes()))
    }

    /// The number of rows and the structure of one.
    fn types(&self, table: &Table, text: &mut String) {
        let (lower, upper) = (self.prefix.lower(), self.prefix.upper());
        line(text, format!("\n/* {} */", table.comment));
        line(text, format!("#define {upper}_{} {}", table.count, table.rows.len()));
        let Some((name, fields)) = table.structure else { return };
        line(text, format!("struct {lower}_{name} {{"));
        for field in fields {
            line(text, format!("    {field};"));
        }
        line(text, "};");
    }

    /// Type, name and length.
    fn declared(&self, table: &Table) -> String {
        let (lower, upper) = (self.prefix.lower(), self.prefix.upper());
        let element = table
            .structure
            .map_or_else(|| "uint32_t".to_owned(), |(name, _)| format!("struct {lower}_{name}"));
        format!("{element} {lower}_{}[{upper}_{} + 1]", table.name, table.count)
    }

    fn checks(&self, text: &mut String) {
        line(text, "\n/* Everything lies where it may. */");
        for check in &self.checks {
            self.assert(&check.label, &check.condition, text);
        }
    }

    fn assert(&self, label: &str, condition: &str, text: &mut String) {
        line(text, format!("{}_ASSERT({label}, {condition});", self.prefix.upper()));
    }

    fn array(&self, memory: &Memory) -> String {
        format!("{}_{}", self.prefix.lower(), memory.name.to_ascii_lowercase())
    }

    fn memory_defined(&self, memory: &Memory) -> String {
        let constants = if memory.holds_constants { CONSTANTS } else { "" };
        let definition = self.filled(MEMORY).replace("@ARRAY", &self.array(memory));
        definition.replace("@NAME", &memory.name).replace("@CONSTANTS", constants)
    }

    /// A piece of text with the prefix in its place.
    fn filled(&self, text: &str) -> String {
        text.replace("@P", self.prefix.upper()).replace("@p", self.prefix.lower())
    }
}

fn rows(table: &Table, declaration: &str, text: &mut String) {
    line(text, format!("{declaration} = {{"));
    for row in &table.rows {
        line(text, format!("    {row},"));
    }
    line(text, format!("    {} /* after the end */\n}};", table.last));
}

fn line(text: &mut String, line: impl AsRef<str>) {
    writeln!(text, "{}", line.as_ref()).expect("a string takes every letter");
}
