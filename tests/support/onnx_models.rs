//! Handwritten ONNX models: each function encodes one field or message as protobuf.
//!
//! A graph is a list of parts in any order; a part is an encoded field with its number.
#![allow(dead_code)]

pub const FLOAT: u64 = 1;
pub const UINT8: u64 = 2;
pub const INT64: u64 = 7;
pub const STRING: u64 = 8;
pub const FLOAT16: u64 = 10;

pub fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 127 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

pub fn number(field: u64, value: i64) -> Vec<u8> {
    [varint(field << 3), varint(value.cast_unsigned())].concat()
}

pub fn length_delimited(field: u64, contents: impl AsRef<[u8]>) -> Vec<u8> {
    let contents = contents.as_ref();
    [varint(field << 3 | 2), varint(contents.len() as u64), contents.to_vec()].concat()
}

fn texts(field: u64, texts: &[&str]) -> Vec<u8> {
    texts.iter().flat_map(|text| length_delimited(field, text)).collect()
}

/// A model with this graph between fields that the importer ignores.
pub fn model(parts: &[Vec<u8>]) -> Vec<u8> {
    let opset = length_delimited(8, number(2, 21));
    [number(1, 10), texts(2, &["by hand"]), length_delimited(7, parts.concat()), opset].concat()
}

/// A node, as a part of a graph. Empty names stand for missing optional tensors.
pub fn node(op_type: &str, inputs: &[&str], outputs: &[&str]) -> Vec<u8> {
    node_with(op_type, inputs, outputs, &[])
}

pub fn node_with(op_type: &str, inputs: &[&str], outputs: &[&str], more: &[Vec<u8>]) -> Vec<u8> {
    let name = format!("the {op_type}");
    let own = [texts(1, inputs), texts(2, outputs), texts(3, &[&name]), texts(4, &[op_type])].concat();
    length_delimited(1, [own, more.concat()].concat())
}

/// The domain, as a field of a node.
pub fn domain(name: &str) -> Vec<u8> {
    texts(7, &[name])
}

/// An attribute, as a field of a node; `value` is the encoded field of its value.
pub fn attribute(name: &str, value: Vec<u8>) -> Vec<u8> {
    length_delimited(5, [texts(1, &[name]), value].concat())
}

/// An attribute with a graph, as a field of a node.
pub fn body(name: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    attribute(name, length_delimited(6, parts.concat()))
}

/// The contents of a dense tensor's message.
pub fn tensor(name: &str, data_type: u64, dims: &[i64]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&dim| number(1, dim)).collect();
    [dims, number(2, data_type.cast_signed()), texts(8, &[name])].concat()
}

/// The contents of a sparse tensor's message.
pub fn sparse(name: &str, data_type: u64, nonzero: i64, dims: &[i64]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&dim| varint(dim.cast_unsigned())).collect();
    [length_delimited(1, tensor(name, data_type, &[nonzero])), length_delimited(3, dims)].concat()
}

pub fn initializer(name: &str, data_type: u64, dims: &[i64]) -> Vec<u8> {
    length_delimited(5, tensor(name, data_type, dims))
}

pub fn sparse_initializer(name: &str, data_type: u64, nonzero: i64, dims: &[i64]) -> Vec<u8> {
    length_delimited(15, sparse(name, data_type, nonzero, dims))
}

/// An initializer that refers to another file for its bytes.
pub fn external(name: &str, data_type: u64, dims: &[i64], file: &str) -> Vec<u8> {
    let location = [texts(1, &["location"]), texts(2, &[file])].concat();
    let external = [length_delimited(13, location), number(14, 1)].concat();
    length_delimited(5, [tensor(name, data_type, dims), external].concat())
}

/// A graph input. Its shape is a text such as `2, batch, ?`; an empty text is the shape of a scalar.
pub fn input(name: &str, data_type: u64, shape: &str) -> Vec<u8> {
    info(11, name, data_type, shape)
}

pub fn output(name: &str, data_type: u64, shape: &str) -> Vec<u8> {
    info(12, name, data_type, shape)
}

pub fn value_info(name: &str, data_type: u64, shape: &str) -> Vec<u8> {
    info(13, name, data_type, shape)
}

fn info(field: u64, name: &str, data_type: u64, shape: &str) -> Vec<u8> {
    let dims: Vec<u8> = shape.split(", ").filter(|dim| !dim.is_empty()).flat_map(dimension).collect();
    let tensor = [number(1, data_type.cast_signed()), length_delimited(2, dims)].concat();
    info_of_type(field, name, length_delimited(1, tensor))
}

fn dimension(text: &str) -> Vec<u8> {
    length_delimited(
        1,
        match text.parse() {
            Ok(value) => number(1, value),
            Err(_) if text == "?" => Vec::new(),
            Err(_) => texts(2, &[text]),
        },
    )
}

/// A `ValueInfoProto` whose type has the encoded contents `of`.
pub fn info_of_type(field: u64, name: &str, of: Vec<u8>) -> Vec<u8> {
    length_delimited(field, [texts(1, &[name]), length_delimited(2, of)].concat())
}

/// A `ValueInfoProto` without a type.
pub fn info_without_type(field: u64, name: &str) -> Vec<u8> {
    length_delimited(field, texts(1, &[name]))
}

/// The fields of a message: number, wire type, and the bytes of the whole field.
fn fields(message: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut rest = message;
    let read = |rest: &mut &[u8]| {
        let mut value = 0;
        for place in 0.. {
            let byte = rest[0];
            *rest = &rest[1..];
            value |= u64::from(byte & 127) << (7 * place);
            if byte < 128 {
                break;
            }
        }
        value
    };
    let mut found = Vec::new();
    while !rest.is_empty() {
        let begin = rest;
        let key = read(&mut rest);
        let length = match key & 7 {
            0 => {
                read(&mut rest);
                0
            }
            1 => 8,
            2 => read(&mut rest) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        rest = &rest[length..];
        found.push((key >> 3, begin[..begin.len() - rest.len()].to_vec()));
    }
    found
}

/// The model without the declared shapes of intermediate tensors.
pub fn without_value_info(model: &[u8]) -> Vec<u8> {
    rewritten(model, 7, |number, bytes| if number == 13 { Vec::new() } else { bytes })
}

/// The model without the declared shapes of intermediate tensors and outputs.
pub fn without_declared_shapes(model: &[u8]) -> Vec<u8> {
    rewritten(model, 7, |number, bytes| match number {
        12 => rewritten(&bytes, 12, |number, bytes| if number == 1 { bytes } else { Vec::new() }),
        13 => Vec::new(),
        _ => bytes,
    })
}

/// A message in whose fields of a number, which are messages, other fields replace the fields.
fn rewritten(message: &[u8], number: u64, replace: impl Fn(u64, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let rewrite = |(own, bytes): (u64, Vec<u8>)| {
        if own != number {
            return bytes;
        }
        // The contents start after the key and the length.
        let begin = 1 + bytes[1..].iter().position(|byte| *byte < 128).unwrap() + 1;
        let inner = fields(&bytes[begin..]).into_iter();
        length_delimited(
            number,
            inner.flat_map(|(number, bytes)| replace(number, bytes)).collect::<Vec<u8>>(),
        )
    };
    fields(message).into_iter().flat_map(rewrite).collect()
}
