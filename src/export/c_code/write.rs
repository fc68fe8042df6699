//! The texts of the C code: a complete header, or a header and a source.

use std::fmt::{self, Write};
use std::io;

use super::prefix::Fnv1a64;
use super::tables::CTable;
use super::text::comment;
use super::{CCode, CMemory};

/// `@P` stands for the prefix of macros, `@p` for the prefix of other names.
const ASSERT: &str = "
/* Checked at compile time; before C11, by the size of an array. */
#if defined(__cplusplus) && (__cplusplus >= 201103L || defined(_MSVC_LANG))
#define @P_ASSERT(label, condition) static_assert(condition, #label)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define @P_ASSERT(label, condition) _Static_assert(condition, #label)
#else
#define @P_ASSERT(label, condition) typedef char @p_assert_##label[(condition) ? 1 : -1]
#endif
";

const UNUSED: &str = "
/* A file that includes this header need not use every table. */
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
/* A program with other memory for this defines @P_NO_@NAME; to place it in a section, define
 * @P_@NAME_ATTRIBUTES, as in __attribute__((section(\".sram\"))).@CONSTANTS */
#ifndef @P_NO_@NAME
#ifndef @P_@NAME_ATTRIBUTES
#define @P_@NAME_ATTRIBUTES
#endif
@P_ALIGNED(@P_@NAME_ALIGNMENT)
unsigned char @ARRAY[@P_@NAME_BYTES + (@P_@NAME_BYTES == 0ULL)] @P_@NAME_ATTRIBUTES;
#endif
";

const CONSTANTS: &str = "\n * It holds constants as well: copy them there before the first run.";

/// Returns whether `#include` can name this file.
///
/// Example: the [module](crate::export::c_code).
#[must_use]
pub fn can_include(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_control() || c == '"' || c == '\\')
}

impl CCode {
    /// A complete header: constants, and tables, of which each file that includes it gets a copy. It
    /// contains no arena.
    #[must_use]
    pub fn alone(&self) -> String {
        let mut text = String::new();
        self.add_alone(&mut text);
        text
    }

    /// Writes [`alone`](Self::alone), without the whole text in memory. Many small pieces are written, so `out`
    /// should have a buffer.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn write_alone(&self, out: &mut dyn io::Write) -> io::Result<()> {
        written(out, |text| self.add_alone(text))
    }

    fn add_alone(&self, text: &mut dyn Write) {
        self.begin(text);
        add(text, &self.filled(UNUSED));
        for table in &self.tables {
            self.types(table, text);
            let declaration = format!("static const {} {}_UNUSED", self.declared(table), self.prefix.upper());
            rows(table, &declaration, text);
        }
        self.write_checks(text);
        self.end(text);
    }

    /// A header with constants, and declarations of the objects that [`CCode::source`] defines. The
    /// constants can be used without the source.
    #[must_use]
    pub fn header(&self) -> String {
        let mut text = String::new();
        self.add_header(&mut text);
        text
    }

    /// Writes [`header`](Self::header), like [`write_alone`](Self::write_alone).
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn write_header(&self, out: &mut dyn io::Write) -> io::Result<()> {
        written(out, |text| self.add_header(text))
    }

    fn add_header(&self, text: &mut dyn Write) {
        self.begin(text);
        for table in &self.tables {
            self.types(table, text);
        }
        line(text, "\n/* Defined in the source. */");
        line(text, "#ifdef __cplusplus\nextern \"C\" {\n#endif");
        for memory in &self.memories {
            line(text, format!("extern unsigned char {}[];", self.array(memory)));
        }
        for table in &self.tables {
            line(text, format!("extern const {};", self.declared(table)));
        }
        line(text, "#ifdef __cplusplus\n}\n#endif");
        self.end(text);
    }

    /// The source to [`CCode::header`], which it includes as `header_name`, a name accepted by
    /// [`can_include`]: the aligned arena, the tables, and static assertions.
    #[must_use]
    pub fn source(&self, header_name: &str) -> String {
        let mut text = String::new();
        self.add_source(header_name, &mut text);
        text
    }

    /// Writes [`source`](Self::source), like [`write_alone`](Self::write_alone).
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn write_source(&self, header_name: &str, out: &mut dyn io::Write) -> io::Result<()> {
        written(out, |text| self.add_source(header_name, text))
    }

    fn add_source(&self, header_name: &str, text: &mut dyn Write) {
        let upper = self.prefix.upper();
        line(text, format!("/* Memory plan of {}, made by plimsoll. */", comment(&self.model)));
        line(text, format!("#include \"{header_name}\"\n\n#include <stdint.h>\n"));
        let same = format!("{upper}_PLAN_ID == {}", self.id());
        self.assert("PLAN_ID_is_that_of_the_header", &same, text);
        for CMemory { name, .. } in &self.memories {
            let fits = format!("{upper}_{name}_BYTES <= SIZE_MAX / 2");
            self.assert(&format!("{name}_fits_this_machine"), &fits, text);
        }
        self.write_checks(text);
        add(text, &self.filled(ALIGNED));
        for memory in &self.memories {
            add(text, &self.memory_defined(memory));
        }
        for table in &self.tables {
            line(text, "");
            rows(table, &format!("const {}", self.declared(table)), text);
        }
    }

    /// The beginning of both kinds of headers.
    fn begin(&self, text: &mut dyn Write) {
        let (upper, model) = (self.prefix.upper(), comment(&self.model));
        line(text, format!("/* Memory plan of {model}, made by plimsoll. {} */", self.intro));
        line(text, format!("#ifndef {upper}_H\n#define {upper}_H\n\n#include <stdint.h>\n"));
        add(text, &self.constants);
        line(text, format!("#define {upper}_PLAN_ID {}", self.id()));
        add(text, &self.filled(ASSERT));
    }

    /// The end of the include guard. For a second plan with the same prefix, the guard alone would
    /// silently skip the whole header.
    fn end(&self, text: &mut dyn Write) {
        let upper = self.prefix.upper();
        line(text, format!("\n#elif {upper}_PLAN_ID != {}", self.id()));
        line(text, format!("#error \"two plans have the prefix {upper}\"\n#endif"));
    }

    /// A hash of the contents: a source must not be compiled with the header of another plan.
    fn id(&self) -> String {
        let mut hash = Fnv1a64::default();
        for part in [self.prefix.lower(), "\n", &self.constants] {
            hash.update(part.as_bytes());
        }
        for row in self.tables.iter().flat_map(|table| table.rows.iter()) {
            hash.update(row.as_bytes());
            hash.update(b"\n");
        }
        format!("0x{:016x}ULL", hash.0)
    }

    /// The number of rows and the structure of a row.
    fn types(&self, table: &CTable, text: &mut dyn Write) {
        let (lower, upper) = (self.prefix.lower(), self.prefix.upper());
        line(text, format!("\n/* {} */", table.comment));
        line(text, format!("#define {upper}_{} {}", table.count, table.rows.len()));
        if table.fields.is_empty() {
            return;
        }
        line(text, format!("struct {lower}_{} {{", table.structure));
        for field in &table.fields {
            line(text, format!("    {field};"));
        }
        line(text, "};");
    }

    /// Type, name and length of a table.
    fn declared(&self, table: &CTable) -> String {
        let (lower, upper) = (self.prefix.lower(), self.prefix.upper());
        let element = match table.structure {
            "" => "uint32_t".to_owned(),
            name => format!("struct {lower}_{name}"),
        };
        format!("{element} {lower}_{}[{upper}_{} + 1]", table.name, table.count)
    }

    fn write_checks(&self, text: &mut dyn Write) {
        line(text, "\n/* Every place is inside its memory and aligned. */");
        for check in &self.checks {
            self.assert(&check.label, &check.condition.text(self.prefix.upper()), text);
        }
    }

    fn assert(&self, label: &str, condition: &str, text: &mut dyn Write) {
        line(text, format!("{}_ASSERT({label}, {condition});", self.prefix.upper()));
    }

    fn array(&self, memory: &CMemory) -> String {
        format!("{}_{}", self.prefix.lower(), memory.name.to_ascii_lowercase())
    }

    fn memory_defined(&self, memory: &CMemory) -> String {
        let constants = if memory.holds_constants { CONSTANTS } else { "" };
        let definition = self.filled(MEMORY).replace("@ARRAY", &self.array(memory));
        definition.replace("@NAME", &memory.name).replace("@CONSTANTS", constants)
    }

    /// A text with the prefixes inserted.
    fn filled(&self, text: &str) -> String {
        text.replace("@P", self.prefix.upper()).replace("@p", self.prefix.lower())
    }
}

fn rows(table: &CTable, declaration: &str, text: &mut dyn Write) {
    line(text, format!("{declaration} = {{"));
    for row in table.rows.iter() {
        line(text, format!("    {row},"));
    }
    line(text, format!("    {} /* after the end */\n}};", table.last()));
}

/// Lets `add` write a text to `out`.
fn written(out: &mut dyn io::Write, add: impl FnOnce(&mut dyn Write)) -> io::Result<()> {
    let mut text = IoText { out, result: Ok(()) };
    add(&mut text);
    text.result
}

/// A text that is written to a file. After the first error, it takes and ignores everything.
struct IoText<'a> {
    out: &'a mut dyn io::Write,
    result: io::Result<()>,
}

impl Write for IoText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.result.is_ok() {
            self.result = self.out.write_all(text.as_bytes());
        }
        Ok(())
    }
}

fn add(text: &mut dyn Write, added: &str) {
    text.write_str(added).expect(TAKES_ALL);
}

/// Neither a string nor [`IoText`] refuses a letter.
const TAKES_ALL: &str = "a text takes every letter";

fn line(text: &mut dyn Write, line: impl AsRef<str>) {
    writeln!(text, "{}", line.as_ref()).expect(TAKES_ALL);
}
