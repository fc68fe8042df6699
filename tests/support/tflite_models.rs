//! Handwritten TensorFlow Lite files, with the part of the schema that the importer reads.
#![allow(dead_code)]

use flatbuffers::{FlatBufferBuilder, VOffsetT, WIPOffset};

/// Numbers of builtin operators.
pub const ADD: i32 = 0;
pub const CONV_2D: i32 = 3;
pub const DEQUANTIZE: i32 = 6;
pub const UNIDIRECTIONAL_SEQUENCE_LSTM: i32 = 44;
pub const MEAN: i32 = 40;
pub const TRANSPOSE_CONV: i32 = 67;
pub const IF: i32 = 118;
pub const CUSTOM: i32 = 32;
pub const WHILE: i32 = 119;
pub const DYNAMIC_UPDATE_SLICE: i32 = 151;
pub const CALL_ONCE: i32 = 129;
pub const VAR_HANDLE: i32 = 142;
pub const READ_VARIABLE: i32 = 143;

/// Numbers of element types.
pub const FLOAT32: i8 = 0;
pub const STRING: i8 = 5;
pub const INT8: i8 = 9;
pub const RESOURCE: i8 = 13;
pub const INT4: i8 = 17;

#[derive(Clone, Default)]
pub struct Model {
    pub codes: Vec<Code>,
    pub subgraphs: Vec<SubGraph>,
    pub buffers: Vec<Buffer>,
    pub description: Option<&'static str>,
    /// Entries as (name, buffer).
    pub metadata: Vec<(&'static str, u32)>,
    /// Leaves out the list of buffers.
    pub without_buffers: bool,
    /// Adds a field that no schema defines.
    pub unknown_field: bool,
}

#[derive(Clone, Default)]
pub struct Code {
    pub builtin: i32,
    pub custom: Option<Vec<u8>>,
}

#[derive(Clone, Default)]
pub struct SubGraph {
    pub name: &'static str,
    pub tensors: Vec<Tensor>,
    pub inputs: Vec<i32>,
    pub outputs: Vec<i32>,
    pub operators: Vec<Operator>,
}

#[derive(Clone, Default)]
pub struct Tensor {
    pub name: Vec<u8>,
    pub shape: Option<Vec<i32>>,
    pub element_type: i8,
    pub buffer: u32,
    pub is_variable: bool,
    pub shape_signature: Option<Vec<i32>>,
    pub external_buffer: u32,
    pub has_rank: bool,
}

#[derive(Clone, Default)]
pub struct Operator {
    pub code: u32,
    pub inputs: Vec<i32>,
    pub outputs: Vec<i32>,
    pub intermediates: Vec<i32>,
    /// The number of the type of the options table, and its first fields.
    pub options: Option<(u8, Vec<i32>)>,
    pub large_options: u64,
    pub custom_options: Vec<u8>,
}

#[derive(Clone, Default)]
pub struct Buffer {
    pub data: Vec<u8>,
    pub offset: u64,
    pub size: u64,
}

pub fn builtin(builtin: i32) -> Code {
    Code { builtin, custom: None }
}

pub fn tensor(name: &str, element_type: i8, shape: &[i32]) -> Tensor {
    Tensor { name: name.into(), shape: Some(shape.to_vec()), element_type, ..Tensor::default() }
}

pub fn operator(code: u32, inputs: &[i32], outputs: &[i32]) -> Operator {
    Operator { code, inputs: inputs.to_vec(), outputs: outputs.to_vec(), ..Operator::default() }
}

pub fn data(bytes: &[u8]) -> Buffer {
    Buffer { data: bytes.to_vec(), ..Buffer::default() }
}

/// A model with one subgraph, `main`. Buffer 0 is empty.
pub fn model(codes: &[i32], main: SubGraph, buffers: Vec<Buffer>) -> Model {
    let codes = codes.iter().map(|&code| builtin(code)).collect();
    let buffers = std::iter::once(Buffer::default()).chain(buffers).collect();
    Model { codes, subgraphs: vec![SubGraph { name: "main", ..main }], buffers, ..Model::default() }
}

impl Model {
    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut to = FlatBufferBuilder::new();
        let buffers: Vec<_> = self.buffers.iter().map(|buffer| buffer.write(&mut to)).collect();
        let buffers = to.create_vector(&buffers);
        let codes: Vec<_> = self.codes.iter().map(|code| code.write(&mut to)).collect();
        let codes = to.create_vector(&codes);
        let subgraphs: Vec<_> = self.subgraphs.iter().map(|subgraph| subgraph.write(&mut to)).collect();
        let subgraphs = to.create_vector(&subgraphs);
        let description = self.description.map(|text| to.create_string(text));
        let metadata: Vec<_> = self.metadata.iter().map(|entry| write_metadata(entry, &mut to)).collect();
        let metadata = (!metadata.is_empty()).then(|| to.create_vector(&metadata));
        let model = to.start_table();
        to.push_slot_always::<u32>(slot(0), 3);
        to.push_slot_always(slot(1), codes);
        to.push_slot_always(slot(2), subgraphs);
        if !self.without_buffers {
            to.push_slot_always(slot(4), buffers);
        }
        if let Some(description) = description {
            to.push_slot_always(slot(3), description);
        }
        if let Some(metadata) = metadata {
            to.push_slot_always(slot(6), metadata);
        }
        to.push_slot::<u32>(slot(12), u32::from(self.unknown_field), 0);
        let model = to.end_table(model);
        to.finish(model, Some("TFL3"));
        to.finished_data().to_vec()
    }
}

type Written = WIPOffset<flatbuffers::TableFinishedWIPOffset>;

fn write_metadata((name, buffer): &(&str, u32), to: &mut FlatBufferBuilder) -> Written {
    let name = to.create_string(name);
    let table = to.start_table();
    to.push_slot_always(slot(0), name);
    to.push_slot::<u32>(slot(1), *buffer, 0);
    to.end_table(table)
}

impl Buffer {
    fn write(&self, to: &mut FlatBufferBuilder) -> Written {
        let data = (!self.data.is_empty()).then(|| to.create_vector(&self.data));
        let table = to.start_table();
        if let Some(data) = data {
            to.push_slot_always(slot(0), data);
        }
        to.push_slot::<u64>(slot(1), self.offset, 0);
        to.push_slot::<u64>(slot(2), self.size, 0);
        to.end_table(table)
    }
}

impl Code {
    fn write(&self, to: &mut FlatBufferBuilder) -> Written {
        let custom = self.custom.as_ref().map(|custom| to.create_byte_string(custom));
        let table = to.start_table();
        // Converters write 127 for codes that exceed 8 bits.
        to.push_slot::<i8>(slot(0), i8::try_from(self.builtin).unwrap_or(127), 0);
        if let Some(custom) = custom {
            to.push_slot_always(slot(1), custom);
        }
        to.push_slot::<i32>(slot(3), self.builtin, 0);
        to.end_table(table)
    }
}

impl SubGraph {
    fn write(&self, to: &mut FlatBufferBuilder) -> Written {
        let tensors: Vec<_> = self.tensors.iter().map(|tensor| tensor.write(to)).collect();
        let tensors = to.create_vector(&tensors);
        let operators: Vec<_> = self.operators.iter().map(|operator| operator.write(to)).collect();
        let operators = to.create_vector(&operators);
        let inputs = to.create_vector(&self.inputs);
        let outputs = to.create_vector(&self.outputs);
        let name = to.create_string(self.name);
        let table = to.start_table();
        to.push_slot_always(slot(0), tensors);
        to.push_slot_always(slot(1), inputs);
        to.push_slot_always(slot(2), outputs);
        to.push_slot_always(slot(3), operators);
        to.push_slot_always(slot(4), name);
        to.end_table(table)
    }
}

impl Tensor {
    fn write(&self, to: &mut FlatBufferBuilder) -> Written {
        let shape = self.shape.as_ref().map(|shape| to.create_vector(shape));
        let signature = self.shape_signature.as_ref().map(|signature| to.create_vector(signature));
        let name = to.create_byte_string(&self.name);
        let table = to.start_table();
        if let Some(signature) = signature {
            to.push_slot_always(slot(7), signature);
        }
        if let Some(shape) = shape {
            to.push_slot_always(slot(0), shape);
        }
        to.push_slot::<i8>(slot(1), self.element_type, 0);
        to.push_slot::<u32>(slot(2), self.buffer, 0);
        to.push_slot_always(slot(3), name);
        to.push_slot::<bool>(slot(5), self.is_variable, false);
        to.push_slot::<u32>(slot(10), self.external_buffer, 0);
        to.push_slot::<bool>(slot(8), self.has_rank, false);
        to.end_table(table)
    }
}

impl Operator {
    fn write(&self, to: &mut FlatBufferBuilder) -> Written {
        let inputs = to.create_vector(&self.inputs);
        let outputs = to.create_vector(&self.outputs);
        let intermediates = to.create_vector(&self.intermediates);
        let options = self.options.as_ref().map(|(_, fields)| {
            let table = to.start_table();
            for (number, &field) in fields.iter().enumerate() {
                to.push_slot::<i32>(slot(number as VOffsetT), field, 0);
            }
            to.end_table(table)
        });
        let custom = (!self.custom_options.is_empty()).then(|| to.create_vector(&self.custom_options));
        let table = to.start_table();
        if let Some(custom) = custom {
            to.push_slot_always(slot(5), custom);
        }
        if let (Some((number, _)), Some(options)) = (&self.options, options) {
            to.push_slot::<u8>(slot(3), *number, 0);
            to.push_slot_always(slot(4), options);
        }
        to.push_slot::<u64>(slot(9), self.large_options, 0);
        to.push_slot::<u32>(slot(0), self.code, 0);
        to.push_slot_always(slot(1), inputs);
        to.push_slot_always(slot(2), outputs);
        to.push_slot_always(slot(8), intermediates);
        to.end_table(table)
    }
}

/// The position of a field in the vtable.
fn slot(number: VOffsetT) -> VOffsetT {
    4 + 2 * number
}
