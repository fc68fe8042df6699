//! Writing of a tiled model: a new root and a new first subgraph in front of the old file.
//!
//! New tensors take the places of tensors that no operator mentions any more, so that all other tensors keep their
//! numbers, and unchanged operators and signatures remain valid. TensorFlow Lite Micro would reserve memory for tensors
//! that nothing mentions.

use std::collections::BTreeMap;

use super::super::TfliteError;
use super::super::front::{Field, Front, Target};
use super::super::rewrite::{self, MODEL_SLOTS, SUBGRAPH_SLOTS, copied};
use crate::ElementType;
use crate::export::tile::{DraftId, DraftKind, DraftOperator, RowsOf, TilePadding, TiledDraft, other_axis};
use crate::import::tflite::schema::{At, Model, Operator, SubGraph, Tensor};
use crate::import::tflite::text;

/// Slots of the tables, see `rewrite`.
const MODEL_CODES: u16 = 1;
const MODEL_SUBGRAPHS: u16 = 2;
const MODEL_BUFFERS: u16 = 4;
const TENSORS: u16 = 0;
const OPERATORS: u16 = 3;

/// Number of an integer type of 32 bits in the schema.
const INT32: u32 = 2;

/// Longest name of a tensor that names of its parts repeat.
const LONGEST_NAME: usize = 24;

/// The operator types that tiled models add, by their numbers in the schema, with the numbers of their options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Added {
    Concatenation,
    Pad,
    Slice,
    Update,
}

impl Added {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Concatenation => "CONCATENATION",
            Self::Pad => "PAD",
            Self::Slice => "SLICE",
            Self::Update => "DYNAMIC_UPDATE_SLICE",
        }
    }

    fn of(kind: &DraftKind) -> Option<Self> {
        match kind {
            DraftKind::Whole(_) | DraftKind::Tile { .. } => None,
            DraftKind::Slice { .. } => Some(Self::Slice),
            DraftKind::Pad { .. } => Some(Self::Pad),
            DraftKind::Concatenation { .. } => Some(Self::Concatenation),
            DraftKind::Update { .. } => Some(Self::Update),
        }
    }

    fn number(self) -> i32 {
        match self {
            Self::Concatenation => 2,
            Self::Pad => 34,
            Self::Slice => 65,
            Self::Update => 151,
        }
    }

    fn options(self) -> u32 {
        match self {
            Self::Concatenation => 10,
            Self::Pad => 22,
            Self::Slice => 48,
            Self::Update => 117,
        }
    }

    /// The first version of the operator for this element type.
    fn version(self, element: Option<ElementType>) -> i32 {
        match (self, element) {
            (Self::Update, _) => 1,
            (_, Some(ElementType::Int8)) => 2,
            (Self::Slice, Some(ElementType::Int16)) => 4,
            (_, Some(ElementType::Int16)) => 3,
            _ => 1,
        }
    }
}

/// Writes the model with the operators of a draft as its first subgraph.
pub(super) fn write(
    old: &[u8],
    model: Model<'_>,
    (draft, names): (&TiledDraft, &[String]),
    shapes: &[Option<Vec<u64>>],
    types: &[Option<ElementType>],
) -> Result<Vec<u8>, TfliteError> {
    let subgraphs: Vec<SubGraph> = model.subgraphs().into_iter().flatten().collect();
    let Some(&first) = subgraphs.first() else {
        return Err(TfliteError::File("the model has no subgraph".to_owned()));
    };
    let mut writer = ModelWriter {
        front: Front::new(*b"TFL3"),
        old,
        model,
        first,
        draft,
        shapes,
        types,
        names,
        constants: BTreeMap::new(),
        data: BTreeMap::new(),
        vectors: BTreeMap::new(),
        texts: BTreeMap::new(),
        codes: Vec::new(),
        code_numbers: BTreeMap::new(),
        options: BTreeMap::new(),
    };
    writer.run(&subgraphs)
}

/// Shape and contents of a constant.
type Constant = (Vec<i32>, Vec<i32>);

struct ModelWriter<'a> {
    front: Front,
    old: &'a [u8],
    model: Model<'a>,
    first: SubGraph<'a>,
    draft: &'a TiledDraft,
    shapes: &'a [Option<Vec<u64>>],
    types: &'a [Option<ElementType>],
    names: &'a [String],
    /// New constants by shape and contents: their positions after the new tensors.
    constants: BTreeMap<Constant, usize>,
    /// Contents of new buffers, with their positions after those of the file.
    data: BTreeMap<Vec<i32>, usize>,
    /// Vectors and names behind all tables, as offsets point forward; with the places that refer to them.
    vectors: BTreeMap<Vec<i32>, Vec<usize>>,
    texts: BTreeMap<String, Vec<usize>>,
    options: BTreeMap<SharedOptions, Vec<usize>>,
    /// New operator codes: number and version.
    codes: Vec<(Added, i32)>,
    /// Number of the operator code by type and version.
    code_numbers: BTreeMap<(Added, i32), u32>,
}

/// New tables of options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SharedOptions {
    Empty,
    Concatenation {
        axis: usize,
    },
    /// Those of an operator of the model with `VALID` padding.
    Valid {
        operator: usize,
    },
}

impl ModelWriter<'_> {
    fn run(&mut self, subgraphs: &[SubGraph<'_>]) -> Result<Vec<u8>, TfliteError> {
        self.find_constants()?;
        let mut fields = copied(self.old, self.model, "the model", MODEL_SLOTS, &[rewrite::VERSION])?;
        for slot in [MODEL_CODES, MODEL_SUBGRAPHS, MODEL_BUFFERS] {
            fields.retain(|field| field.0 != slot);
            fields.push((slot, Field::Later));
        }
        fields.sort_by_key(|field| field.0);
        let (root, places) = self.front.table(&fields);
        self.front.link(0, Target::New(root));
        let place_of = |slot| places[fields.iter().position(|field| field.0 == slot).unwrap_or(0)];
        let list = self.subgraphs(subgraphs)?;
        self.front.link(place_of(MODEL_SUBGRAPHS), Target::New(list));
        let list = self.operator_codes();
        self.front.link(place_of(MODEL_CODES), Target::New(list));
        let list = self.buffers();
        self.front.link(place_of(MODEL_BUFFERS), Target::New(list));
        self.shared_options()?;
        self.shared_vectors();
        let front = std::mem::replace(&mut self.front, Front::new(*b"TFL3"));
        let (mut file, start) = front.before(self.old)?;
        rewrite::shift(&mut file, start, self.model)?;
        Ok(file)
    }

    /// Numbers the constants that the new operators read.
    fn find_constants(&mut self) -> Result<(), TfliteError> {
        for operator in &self.draft.operators {
            for constant in self.constants_of(operator)? {
                let next = self.constants.len();
                self.constants.entry(constant).or_insert(next);
            }
        }
        let first = self.model.buffers().map_or(0, |buffers| buffers.len()).max(1);
        for (_, contents) in self.constants.keys() {
            let next = first + self.data.len();
            self.data.entry(contents.clone()).or_insert(next);
        }
        Ok(())
    }

    /// Shapes and contents of the constants that a new operator reads.
    fn constants_of(&self, operator: &DraftOperator) -> Result<Vec<Constant>, TfliteError> {
        let shape = self.shape_of(operator.outputs[0])?;
        let rank = shape.len();
        let along = |axis: usize, value: i64| -> Result<Vec<i32>, TfliteError> {
            let mut all = vec![0; rank];
            all[axis] = i32::try_from(value).map_err(|_| too_large())?;
            Ok(all)
        };
        Ok(match operator.kind {
            DraftKind::Whole(_) | DraftKind::Tile { .. } | DraftKind::Concatenation { .. } => Vec::new(),
            DraftKind::Slice { axis, from } => {
                let list = vec![small(rank)?];
                vec![(list.clone(), along(axis, from)?), (list, shape)]
            }
            DraftKind::Update { axis, from } => vec![(vec![small(rank)?], along(axis, from)?)],
            DraftKind::Pad { axis, rows, columns } => {
                let mut pads = vec![0; 2 * rank];
                for (axis, pad) in [(axis, rows), (other_axis(axis), columns)] {
                    for (side, rows) in pad.into_iter().enumerate().filter(|(_, rows)| *rows != 0) {
                        pads[2 * axis + side] = i32::try_from(rows).map_err(|_| too_large())?;
                    }
                }
                vec![(vec![small(rank)?, 2], pads)]
            }
        })
    }

    /// The tensor of the model to which a tensor of the draft belongs.
    fn rows_of(&self, id: DraftId) -> Option<&RowsOf> {
        self.draft.tensors.get(id.checked_sub(self.draft.first_new)?)
    }

    fn source(&self, id: DraftId) -> usize {
        self.rows_of(id).map_or(id, |rows| rows.tensor)
    }

    fn shape_of(&self, id: DraftId) -> Result<Vec<i32>, TfliteError> {
        let mut shape = self.shapes[self.source(id)].clone().unwrap_or_default();
        if let Some(rows) = self.rows_of(id) {
            shape[rows.axis] = (rows.rows.end - rows.rows.start).unsigned_abs();
            let columns = (rows.columns[0] + rows.columns[1]).unsigned_abs();
            if columns > 0 {
                shape[other_axis(rows.axis)] += columns;
            }
        }
        shape.into_iter().map(|dim| i32::try_from(dim).map_err(|_| too_large())).collect()
    }

    /// The list of subgraphs, with a new first one.
    fn subgraphs(&mut self, subgraphs: &[SubGraph<'_>]) -> Result<usize, TfliteError> {
        let others = subgraphs.iter().skip(1).map(|table| Field::Offset(Target::Old(table.at())));
        let entries: Vec<Field> = std::iter::once(Field::Later).chain(others).collect();
        let (list, places) = self.front.offsets(&entries);
        let numbers = &[rewrite::DEBUG_METADATA];
        let mut fields = copied(self.old, self.first, "a subgraph", SUBGRAPH_SLOTS, numbers)?;
        // Debug metadata describe operators by their positions.
        fields.retain(|field| ![TENSORS, OPERATORS, rewrite::DEBUG_METADATA].contains(&field.0));
        fields.extend([(TENSORS, Field::Later), (OPERATORS, Field::Later)]);
        fields.sort_by_key(|field| field.0);
        let (table, field_places) = self.front.table(&fields);
        self.front.link(places[0], Target::New(table));
        let (numbers, list_of_tensors) = self.tensors()?;
        let list_of_operators = self.operators(&numbers)?;
        for (field, place) in fields.iter().zip(field_places) {
            match field.0 {
                TENSORS => self.front.link(place, Target::New(list_of_tensors)),
                OPERATORS => self.front.link(place, Target::New(list_of_operators)),
                _ => {}
            }
        }
        Ok(list)
    }

    /// Writes the list of tensors. Returns the number of each tensor of the draft and, after them, of each constant.
    fn tensors(&mut self) -> Result<(Vec<i32>, usize), TfliteError> {
        let old: Vec<_> = self.first.tensors().into_iter().flatten().collect();
        let mut free = self.unmentioned().into_iter();
        let mut slots: Vec<Option<usize>> = vec![None; old.len()];
        let count = self.draft.tensors.len() + self.constants.len();
        let mut numbers: Vec<i32> = (0..small(old.len())?).collect();
        for new in 0..count {
            let number = free.next().unwrap_or(slots.len());
            if number == slots.len() {
                slots.push(None);
            }
            slots[number] = Some(new);
            numbers.push(small(number)?);
        }
        let entries: Vec<Field> = slots
            .iter()
            .enumerate()
            .map(|(number, new)| match new {
                None => Field::Offset(Target::Old(old[number].at())),
                Some(_) => Field::Later,
            })
            .collect();
        let (list, places) = self.front.offsets(&entries);
        let constants: BTreeMap<usize, Constant> =
            self.constants.iter().map(|(constant, &at)| (at, constant.clone())).collect();
        for (place, new) in places.into_iter().zip(slots) {
            let Some(new) = new else { continue };
            let table = match self.draft.tensors.get(new).cloned() {
                Some(rows) => self.part(new, &rows)?,
                None => self.constant(&constants[&(new - self.draft.tensors.len())]),
            };
            self.front.link(place, Target::New(table));
        }
        Ok((numbers, list))
    }

    /// Tensors of the model that only operators mentioned which are now split.
    fn unmentioned(&self) -> Vec<usize> {
        let mut is_gone = vec![false; self.draft.first_new];
        for operator in &self.draft.operators {
            if let DraftKind::Tile { operator, .. } = operator.kind {
                let table = self.first.operators().map(|list| list.get(operator));
                for output in table.and_then(Operator::outputs).into_iter().flatten() {
                    if let Some(slot) = usize::try_from(output).ok().and_then(|at| is_gone.get_mut(at)) {
                        *slot = true;
                    }
                }
            }
        }
        let lists = self.first.inputs().into_iter().chain(self.first.outputs());
        let listed = lists.flatten().filter_map(|id| usize::try_from(id).ok());
        let used = self.draft.operators.iter();
        let used =
            used.flat_map(|operator| operator.inputs.iter().flatten().chain(&operator.outputs).copied());
        for id in used.chain(listed) {
            if let Some(slot) = is_gone.get_mut(id) {
                *slot = false;
            }
        }
        (0..is_gone.len()).filter(|&id| is_gone[id]).collect()
    }

    /// Writes a tensor with rows of a tensor of the model.
    fn part(&mut self, new: usize, rows: &RowsOf) -> Result<usize, TfliteError> {
        let shape = self.shape_of(self.draft.first_new + new)?;
        let old = self.first.tensors().map(|tensors| tensors.get(rows.tensor));
        let kind = old.and_then(Tensor::element_type).unwrap_or(0);
        let mut fields =
            vec![(0, Field::Later), (1, Field::Number(u32::from(kind.cast_unsigned()))), (3, Field::Later)];
        if let Some(quantization) = old.and_then(Tensor::quantization) {
            fields.push((4, Field::Offset(Target::Old(quantization.at()))));
        }
        let (table, places) = self.front.table(&fields);
        self.vectors.entry(shape).or_default().push(places[0]);
        self.texts.entry(self.name_of(rows)).or_default().push(places[2]);
        Ok(table)
    }

    fn name_of(&self, rows: &RowsOf) -> String {
        let label = &self.names[rows.tensor];
        let number = format!("tensor_{}", rows.tensor);
        let label = if label.is_empty() || label.len() > LONGEST_NAME { &number } else { label };
        let padded = if rows.columns == [0; 2] && rows.rows.start >= 0 { "" } else { "_padded" };
        format!("{label}/rows_{}_{}{padded}", rows.rows.start.max(0), rows.rows.end)
    }

    fn constant(&mut self, (shape, contents): &Constant) -> usize {
        let buffer = self.data[contents] as u32;
        let fields =
            [(0, Field::Later), (1, Field::Number(INT32)), (2, Field::Number(buffer)), (3, Field::Later)];
        let (table, places) = self.front.table(&fields);
        self.vectors.entry(shape.clone()).or_default().push(places[0]);
        self.texts.entry("tiling".to_owned()).or_default().push(places[3]);
        table
    }

    /// Writes the vectors and names to which tables refer.
    fn shared_vectors(&mut self) {
        for (numbers, places) in std::mem::take(&mut self.vectors) {
            let target = Target::New(self.front.numbers(&numbers));
            for place in places {
                self.front.link(place, target);
            }
        }
        for (text, places) in std::mem::take(&mut self.texts) {
            let target = Target::New(self.front.text(&text));
            for place in places {
                self.front.link(place, target);
            }
        }
    }

    fn shared_options(&mut self) -> Result<(), TfliteError> {
        for (options, places) in std::mem::take(&mut self.options) {
            let fields = match options {
                SharedOptions::Empty => Vec::new(),
                SharedOptions::Concatenation { axis } => vec![(0, Field::Number(axis as u32))],
                SharedOptions::Valid { operator } => self.valid_options(operator)?,
            };
            let target = Target::New(self.front.table(&fields).0);
            for place in places {
                self.front.link(place, target);
            }
        }
        Ok(())
    }

    /// Writes the list of operators. `numbers` are those of the tensors of the draft and of the constants.
    fn operators(&mut self, numbers: &[i32]) -> Result<usize, TfliteError> {
        let old: Vec<Operator> = self.first.operators().into_iter().flatten().collect();
        let entry = |operator: &DraftOperator| match operator.kind {
            DraftKind::Whole(id) => Field::Offset(Target::Old(old[id].at())),
            _ => Field::Later,
        };
        let entries: Vec<Field> = self.draft.operators.iter().map(entry).collect();
        let (list, places) = self.front.offsets(&entries);
        let operators = &self.draft.operators;
        for (operator, place) in operators.iter().zip(places) {
            let table = match operator.kind {
                DraftKind::Whole(_) => continue,
                DraftKind::Tile { operator: id, padding, .. } => {
                    self.tile(operator, (id, old[id]), padding != TilePadding::Kept, numbers)
                }
                _ => self.added(operator, numbers)?,
            };
            self.front.link(place, Target::New(table));
        }
        Ok(list)
    }

    /// Refers to the lists of inputs and outputs of an operator, and to its options.
    fn refer(
        &mut self,
        [inputs, outputs]: [&[Option<DraftId>]; 2],
        numbers: &[i32],
        (fields, options): (&[(u16, Field)], Option<SharedOptions>),
    ) -> usize {
        let (table, places) = self.front.table(fields);
        for (ids, place) in [(inputs, places[1]), (outputs, places[2])] {
            let list: Vec<i32> = ids.iter().map(|id| id.map_or(-1, |id| numbers[id])).collect();
            self.vectors.entry(list).or_default().push(place);
        }
        if let Some(options) = options {
            self.options.entry(options).or_default().push(places[4]);
        }
        table
    }

    /// Writes an operator of the model on other tensors.
    fn tile(
        &mut self,
        operator: &DraftOperator,
        (id, old): (usize, Operator<'_>),
        is_valid: bool,
        numbers: &[i32],
    ) -> usize {
        let mut fields = vec![
            (0, Field::Number(old.code().unwrap_or(0))),
            (1, Field::Later),
            (2, Field::Later),
            (3, Field::Number(u32::from(old.options_type().unwrap_or(0)))),
        ];
        if let Some(options) = old.options() {
            fields.push((4, if is_valid { Field::Later } else { Field::Offset(Target::Old(options.at())) }));
        }
        let options = SharedOptions::Valid { operator: id };
        let options = Some(options).filter(|_| is_valid && old.options().is_some());
        let outputs: Vec<Option<DraftId>> = operator.outputs.iter().map(|&id| Some(id)).collect();
        self.refer([&operator.inputs, &outputs], numbers, (&fields, options))
    }

    /// The options of an operator with `VALID` padding.
    fn valid_options(&self, id: usize) -> Result<Vec<(u16, Field)>, TfliteError> {
        const VALID: u32 = 1;
        let mut fields = vec![(0, Field::Number(VALID))];
        let table = self.first.operators().map(|operators| operators.get(id));
        let Some(options) = table.and_then(Operator::options) else { return Ok(fields) };
        for slot in 1..options.slots() {
            let Some(place) = options.field_at(slot) else { continue };
            if slot > LAST_WINDOW_SLOT {
                return Err(TfliteError::UnknownField { table: "the options of a window", slot });
            }
            // Activations and types have one byte; what follows them in the table is another field.
            let number = if self.is_byte(id, slot) {
                self.old.get(place).map(|&byte| u32::from(byte))
            } else {
                self.old.get(place..).and_then(<[u8]>::first_chunk).map(|number| u32::from_le_bytes(*number))
            };
            let number =
                number.ok_or_else(|| TfliteError::File("options lead out of the file".to_owned()))?;
            fields.push((slot, Field::Number(number)));
        }
        Ok(fields)
    }

    /// True if a field of the options of a window has one byte.
    fn is_byte(&self, id: usize, slot: u16) -> bool {
        const CONVOLUTION: u8 = 1;
        const DEPTHWISE: u8 = 2;
        let table = self.first.operators().map(|operators| operators.get(id));
        match table.and_then(Operator::options_type).unwrap_or(0) {
            CONVOLUTION => slot == 3 || slot == 6,
            DEPTHWISE => slot == 4,
            _ => slot == 5,
        }
    }

    /// Writes an operator that the model did not have.
    fn added(&mut self, operator: &DraftOperator, numbers: &[i32]) -> Result<usize, TfliteError> {
        let Some(added) = Added::of(&operator.kind) else {
            return Err(TfliteError::File("an operator without a type".to_owned()));
        };
        let mut inputs = operator.inputs.clone();
        let first_constant = self.draft.first_new + self.draft.tensors.len();
        for constant in self.constants_of(operator)? {
            inputs.push(Some(first_constant + self.constants[&constant]));
        }
        let code = self.code(added, self.types[self.source(operator.outputs[0])]);
        let options = match operator.kind {
            DraftKind::Concatenation { axis } => SharedOptions::Concatenation { axis },
            _ => SharedOptions::Empty,
        };
        let fields = [
            (0, Field::Number(code)),
            (1, Field::Later),
            (2, Field::Later),
            (3, Field::Number(added.options())),
            (4, Field::Later),
        ];
        Ok(self.refer([&inputs, &[Some(operator.outputs[0])]], numbers, (&fields, Some(options))))
    }

    /// The number of the operator code of a type.
    fn code(&mut self, added: Added, element: Option<ElementType>) -> u32 {
        let version = added.version(element);
        if let Some(&number) = self.code_numbers.get(&(added, version)) {
            return number;
        }
        let codes = self.model.operator_codes();
        let is_own = |code: &crate::import::tflite::schema::OperatorCode<'_>| {
            let old = i32::from(code.old_builtin_code().unwrap_or(0));
            code.builtin_code().unwrap_or(0).max(old) == added.number()
                && code.version().unwrap_or(1) >= version
        };
        let found = codes.into_iter().flatten().position(|code| is_own(&code));
        let number = found.unwrap_or_else(|| {
            self.codes.push((added, version));
            codes.map_or(0, |codes| codes.len()) + self.codes.len() - 1
        });
        self.code_numbers.insert((added, version), number as u32);
        number as u32
    }

    fn operator_codes(&mut self) -> usize {
        let old = self.model.operator_codes().into_iter().flatten();
        let mut entries: Vec<Field> = old.map(|code| Field::Offset(Target::Old(code.at()))).collect();
        let first = entries.len();
        entries.extend(self.codes.iter().map(|_| Field::Later));
        let (list, places) = self.front.offsets(&entries);
        for (&(added, version), place) in self.codes.iter().zip(&places[first..]) {
            let number = added.number().unsigned_abs();
            let fields = [
                (0, Field::Number(number.min(127))),
                (2, Field::Number(version.unsigned_abs())),
                (3, Field::Number(number)),
            ];
            let (table, _) = self.front.table(&fields);
            self.front.link(*place, Target::New(table));
        }
        list
    }

    fn buffers(&mut self) -> usize {
        let old = self.model.buffers().into_iter().flatten();
        let mut entries: Vec<Field> = old.map(|buffer| Field::Offset(Target::Old(buffer.at()))).collect();
        if entries.is_empty() {
            entries.push(Field::Later);
        }
        entries.extend(self.data.iter().map(|_| Field::Later));
        let (list, places) = self.front.offsets(&entries);
        if entries.len() == 1 + self.data.len() && self.model.buffers().is_none_or(|list| list.is_empty()) {
            let (empty, _) = self.front.table(&[]);
            self.front.link(places[0], Target::New(empty));
        }
        for (contents, number) in std::mem::take(&mut self.data) {
            let (table, fields) = self.front.table(&[(0, Field::Later)]);
            self.front.link(places[number], Target::New(table));
            let bytes: Vec<u8> = contents.iter().flat_map(|number| number.to_le_bytes()).collect();
            let data = self.front.data(&bytes);
            self.front.link(fields[0], Target::New(data));
        }
        list
    }
}

/// The last slot of options of windows: `CONV_2D` and `DEPTHWISE_CONV_2D` have seven fields.
const LAST_WINDOW_SLOT: u16 = 6;

fn small(number: usize) -> Result<i32, TfliteError> {
    i32::try_from(number).map_err(|_| too_large())
}

fn too_large() -> TfliteError {
    TfliteError::File("a part of a tensor has more elements than the file can count".to_owned())
}

/// Names of the tensors of a subgraph.
pub(super) fn names(subgraph: SubGraph<'_>) -> Vec<String> {
    subgraph.tensors().into_iter().flatten().map(|tensor| text(tensor.name())).collect()
}

/// The operator types that the draft adds to those of the model.
pub(super) fn added_types(draft: &TiledDraft, model_types: &[&str]) -> Vec<&'static str> {
    let mut added: Vec<Added> =
        draft.operators.iter().filter_map(|operator| Added::of(&operator.kind)).collect();
    added.sort_unstable();
    added.dedup();
    added.into_iter().map(Added::name).filter(|name| !model_types.contains(name)).collect()
}
