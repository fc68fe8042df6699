//! The texts of the C code: a complete header, or a header and a source.

use std::io::{self, Write};

use super::prefix::Fnv1a64;
use super::tables::CTable;
use super::text::comment;
use super::{CCode, CMemory};
use crate::support::text::text_of;

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
        text_of(|out| self.write_alone(out))
    }

    /// Writes [`alone`](Self::alone), without the whole text in memory. Many small pieces are written, so `out`
    /// should have a buffer.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn write_alone(&self, out: &mut dyn Write) -> io::Result<()> {
        self.begin(out)?;
        out.write_all(self.filled(UNUSED).as_bytes())?;
        for table in &self.tables {
            self.types(table, out)?;
            let declaration = format!("static const {} {}_UNUSED", self.declared(table), self.prefix.upper());
            rows(table, &declaration, out)?;
        }
        self.write_checks(out)?;
        self.end(out)
    }

    /// A header with constants, and declarations of the objects that [`CCode::source`] defines. The
    /// constants can be used without the source.
    #[must_use]
    pub fn header(&self) -> String {
        text_of(|out| self.write_header(out))
    }

    /// Writes [`header`](Self::header), like [`write_alone`](Self::write_alone).
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn write_header(&self, out: &mut dyn Write) -> io::Result<()> {
        self.begin(out)?;
        for table in &self.tables {
            self.types(table, out)?;
        }
        writeln!(out, "\n/* Defined in the source. */")?;
        writeln!(out, "#ifdef __cplusplus\nextern \"C\" {{\n#endif")?;
        for memory in &self.memories {
            writeln!(out, "extern unsigned char {}[];", self.array(memory))?;
        }
        for table in &self.tables {
            writeln!(out, "extern const {};", self.declared(table))?;
        }
        writeln!(out, "#ifdef __cplusplus\n}}\n#endif")?;
        self.end(out)
    }

    /// The source to [`CCode::header`], which it includes as `header_name`, a name accepted by
    /// [`can_include`]: the aligned arena, the tables, and static assertions.
    #[must_use]
    pub fn source(&self, header_name: &str) -> String {
        text_of(|out| self.write_source(header_name, out))
    }

    /// Writes [`source`](Self::source), like [`write_alone`](Self::write_alone).
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn write_source(&self, header_name: &str, out: &mut dyn Write) -> io::Result<()> {
        let upper = self.prefix.upper();
        writeln!(out, "/* Memory plan of {}, made by plimsoll. */", comment(&self.model))?;
        writeln!(out, "#include \"{header_name}\"\n\n#include <stdint.h>\n")?;
        let same = format!("{upper}_PLAN_ID == {}", self.id());
        self.assert("PLAN_ID_is_that_of_the_header", &same, out)?;
        for CMemory { name, .. } in &self.memories {
            let fits = format!("{upper}_{name}_BYTES <= SIZE_MAX / 2");
            self.assert(&format!("{name}_fits_this_machine"), &fits, out)?;
        }
        self.write_checks(out)?;
        out.write_all(self.filled(ALIGNED).as_bytes())?;
        for memory in &self.memories {
            out.write_all(self.memory_defined(memory).as_bytes())?;
        }
        for table in &self.tables {
            writeln!(out)?;
            rows(table, &format!("const {}", self.declared(table)), out)?;
        }
        Ok(())
    }

    /// The beginning of both kinds of headers.
    fn begin(&self, out: &mut dyn Write) -> io::Result<()> {
        let (upper, model) = (self.prefix.upper(), comment(&self.model));
        writeln!(out, "/* Memory plan of {model}, made by plimsoll. {} */", self.intro)?;
        writeln!(out, "#ifndef {upper}_H\n#define {upper}_H\n\n#include <stdint.h>\n")?;
        self.write_constants(out)?;
        writeln!(out, "#define {upper}_PLAN_ID {}", self.id())?;
        out.write_all(self.filled(ASSERT).as_bytes())
    }

    /// The end of the include guard. For a second plan with the same prefix, the guard alone would
    /// silently skip the whole header.
    fn end(&self, out: &mut dyn Write) -> io::Result<()> {
        let upper = self.prefix.upper();
        writeln!(out, "\n#elif {upper}_PLAN_ID != {}", self.id())?;
        writeln!(out, "#error \"two plans have the prefix {upper}\"\n#endif")
    }

    /// A hash of the contents: a source must not be compiled with the header of another plan.
    fn id(&self) -> String {
        let mut hash = Fnv1a64::default();
        hash.update(self.prefix.lower().as_bytes());
        hash.update(b"\n");
        self.write_constants(&mut hash).expect("a hash takes every byte");
        for row in self.tables.iter().flat_map(|table| table.rows.iter()) {
            hash.update(row.as_bytes());
            hash.update(b"\n");
        }
        format!("0x{:016x}ULL", hash.0)
    }

    /// The number of rows and the structure of a row.
    fn types(&self, table: &CTable, out: &mut dyn Write) -> io::Result<()> {
        let (lower, upper) = (self.prefix.lower(), self.prefix.upper());
        writeln!(out, "\n/* {} */", table.comment)?;
        writeln!(out, "#define {upper}_{} {}", table.count, table.rows.len())?;
        if table.fields.is_empty() {
            return Ok(());
        }
        writeln!(out, "struct {lower}_{} {{", table.structure)?;
        for field in &table.fields {
            writeln!(out, "    {field};")?;
        }
        writeln!(out, "}};")
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

    pub(super) fn assert(&self, label: &str, condition: &str, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}_ASSERT({label}, {condition});", self.prefix.upper())
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

fn rows(table: &CTable, declaration: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{declaration} = {{")?;
    for row in table.rows.iter() {
        writeln!(out, "    {row},")?;
    }
    writeln!(out, "    {} /* after the end */\n}};", table.last())
}
