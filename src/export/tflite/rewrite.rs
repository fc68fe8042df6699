//! Rewriting of a model with another order and another plan: a new root in front of the old file.

use std::collections::BTreeSet;

use super::TfliteError;
use super::front::{Field, Front, Target};
use super::metadata;
use crate::import::tflite::schema::{At, Buffer, Model, SubGraph};

/// Slots of the model's table: the version is a number, all others are offsets.
pub(super) const MODEL_SLOTS: u16 = 10;
pub(super) const VERSION: u16 = 0;
const SUBGRAPHS: u16 = 2;
const BUFFERS: u16 = 4;
const METADATA: u16 = 6;

/// Slots of a subgraph's table: the last one is a number, all others are offsets.
pub(super) const SUBGRAPH_SLOTS: u16 = 6;
const OPERATORS: u16 = 3;
pub(super) const DEBUG_METADATA: u16 = 5;

/// Rewrites a model with these operator orders by subgraph. `plan` replaces an existing plan. Returns the
/// file and the position of the old bytes in it.
pub(super) fn rewrite(
    old: &[u8],
    model: Model<'_>,
    orders: &[Vec<usize>],
    plan: &[u8],
) -> Result<(Vec<u8>, usize), TfliteError> {
    let mut front = Front::new(*b"TFL3");
    let mut fields = copied(old, model, "the model", MODEL_SLOTS, &[VERSION])?;
    let reorders = orders.iter().any(|order| !order.is_sorted());
    for (slot, wanted) in [(SUBGRAPHS, reorders), (BUFFERS, true), (METADATA, true)] {
        if wanted {
            fields.retain(|field| field.0 != slot);
            fields.push((slot, Field::Later));
        }
    }
    fields.sort_by_key(|field| field.0);
    let (root, places) = front.table(&fields);
    front.link(0, Target::New(root));
    let place_of = |slot| fields.iter().position(|field| field.0 == slot).map(|position| places[position]);
    if let (true, Some(place)) = (reorders, place_of(SUBGRAPHS)) {
        let list = subgraphs(&mut front, old, model, orders)?;
        front.link(place, Target::New(list));
    }
    let (list, number) = buffers(&mut front, model, plan);
    if let Some(place) = place_of(BUFFERS) {
        front.link(place, Target::New(list));
    }
    if let Some(place) = place_of(METADATA) {
        let list = metadata_list(&mut front, model, number);
        front.link(place, Target::New(list));
    }
    let (mut file, start) = front.before(old)?;
    shift(&mut file, start, model)?;
    Ok((file, start))
}

/// Copies the fields of an old table, as numbers or as offsets to the old bytes.
///
/// # Errors
/// [`TfliteError::UnknownField`] for a field of a later schema.
pub(super) fn copied(
    old: &[u8],
    table: impl At,
    name: &'static str,
    known: u16,
    numbers: &[u16],
) -> Result<Vec<(u16, Field)>, TfliteError> {
    let mut fields = Vec::new();
    for slot in 0..table.slots() {
        let Some(place) = table.field_at(slot) else { continue };
        if slot >= known {
            return Err(TfliteError::UnknownField { table: name, slot });
        }
        let outside = || TfliteError::File(format!("field {slot} of {name} leads out of the file"));
        let number = old.get(place..).and_then(<[u8]>::first_chunk).ok_or_else(outside)?;
        let number = u32::from_le_bytes(*number);
        let field = if numbers.contains(&slot) {
            Field::Number(number)
        } else {
            let target = place + number as usize;
            if target >= old.len() {
                return Err(outside());
            }
            Field::Offset(Target::Old(target))
        };
        fields.push((slot, field));
    }
    Ok(fields)
}

/// Writes the list of subgraphs, with new tables for those with a new operator order.
fn subgraphs(
    front: &mut Front,
    old: &[u8],
    model: Model<'_>,
    orders: &[Vec<usize>],
) -> Result<usize, TfliteError> {
    let tables: Vec<SubGraph> = model.subgraphs().into_iter().flatten().collect();
    let entry = |(table, order): (&SubGraph, &Vec<usize>)| {
        if order.is_sorted() { Field::Offset(Target::Old(table.at())) } else { Field::Later }
    };
    let entries: Vec<Field> = tables.iter().zip(orders).map(entry).collect();
    let (list, places) = front.offsets(&entries);
    for ((table, order), place) in tables.iter().zip(orders).zip(places) {
        if order.is_sorted() {
            continue;
        }
        let mut fields = copied(old, *table, "a subgraph", SUBGRAPH_SLOTS, &[DEBUG_METADATA])?;
        let position = fields.iter().position(|field| field.0 == OPERATORS);
        let (at, field_places) = {
            if let Some(position) = position {
                fields[position].1 = Field::Later;
            }
            front.table(&fields)
        };
        front.link(place, Target::New(at));
        if let (Some(position), Some(operators)) = (position, table.operators()) {
            let entries: Vec<Field> = order
                .iter()
                .map(|&operator| Field::Offset(Target::Old(operators.get(operator).at())))
                .collect();
            let (vector, _) = front.offsets(&entries);
            front.link(field_places[position], Target::New(vector));
        }
    }
    Ok(list)
}

/// Writes the list of buffers with one for the plan. The plan takes the buffer of an old plan if nothing
/// else refers to that buffer, or a new buffer otherwise. Returns the position of the list and the number of
/// the plan's buffer.
fn buffers(front: &mut Front, model: Model<'_>, plan: &[u8]) -> (usize, u32) {
    let tables = model.buffers().into_iter().flatten();
    let mut entries: Vec<Field> = tables.map(|table| Field::Offset(Target::Old(table.at()))).collect();
    let needs_empty = entries.is_empty();
    if needs_empty {
        // Buffer 0 must be empty: it is the buffer of tensors without data.
        entries.push(Field::Later);
    }
    let number = old_plan_buffer(model).unwrap_or_else(|| {
        entries.push(Field::Later);
        entries.len() - 1
    });
    entries[number] = Field::Later;
    let (list, places) = front.offsets(&entries);
    if needs_empty {
        let (empty, _) = front.table(&[]);
        front.link(places[0], Target::New(empty));
    }
    let (table, fields) = front.table(&[(0, Field::Later)]);
    front.link(places[number], Target::New(table));
    let data = front.data(plan);
    front.link(fields[0], Target::New(data));
    (list, number as u32)
}

/// The buffer of the model's old plan, if only the plan refers to it.
fn old_plan_buffer(model: Model<'_>) -> Option<usize> {
    let count = model.buffers()?.len();
    let named = |is_plan: bool| {
        let all = model.metadata().into_iter().flatten();
        let of_kind = all.filter(move |entry| is_a_plan(entry.name()) == is_plan);
        of_kind.map(|entry| entry.buffer().unwrap_or(0) as usize)
    };
    let found = named(true).find(|&buffer| buffer > 0 && buffer < count)?;
    let tensors =
        model.subgraphs().into_iter().flatten().flat_map(|subgraph| subgraph.tensors().into_iter().flatten());
    let mut of_tensors = tensors.map(|tensor| tensor.buffer().unwrap_or(0) as usize);
    let mut listed = model.metadata_buffer().into_iter().flatten();
    let is_needed = named(false).any(|buffer| buffer == found)
        || of_tensors.any(|buffer| buffer == found)
        || listed.any(|buffer| usize::try_from(buffer) == Ok(found));
    (!is_needed).then_some(found)
}

pub(super) fn is_a_plan(name: Option<flatbuffers::Vector<'_, u8>>) -> bool {
    name.is_some_and(|name| name.bytes() == metadata::NAME)
}

/// Writes the list of metadata: all old entries except plans, and an entry for the new plan.
fn metadata_list(front: &mut Front, model: Model<'_>, number: u32) -> usize {
    let others = model.metadata().into_iter().flatten().filter(|entry| !is_a_plan(entry.name()));
    let mut entries: Vec<Field> = others.map(|entry| Field::Offset(Target::Old(entry.at()))).collect();
    entries.push(Field::Later);
    let (list, places) = front.offsets(&entries);
    let (table, fields) = front.table(&[(0, Field::Later), (1, Field::Number(number))]);
    front.link(places[entries.len() - 1], Target::New(table));
    let name = front.data(metadata::NAME);
    front.link(fields[0], Target::New(name));
    list
}

/// Adds `start` to all offsets that count from the start of the file. Several tables may share a field; it
/// is adjusted once.
pub(super) fn shift(file: &mut [u8], start: usize, model: Model<'_>) -> Result<(), TfliteError> {
    for place in absolute_places(model) {
        let place = start + place;
        let found = file.get_mut(place..).and_then(<[u8]>::first_chunk_mut::<8>);
        let found =
            found.ok_or_else(|| TfliteError::File("an offset lies outside of the file".to_owned()))?;
        let offset = u64::from_le_bytes(*found);
        let moved = offset.checked_add(start as u64);
        let moved = moved.ok_or_else(|| TfliteError::File(format!("offset {offset} is past all files")))?;
        *found = moved.to_le_bytes();
    }
    Ok(())
}

/// Positions in the old file of all valid offsets that count from the start of the file.
pub(super) fn absolute_places(model: Model<'_>) -> BTreeSet<usize> {
    const BUFFER_OFFSET: u16 = 1;
    const LARGE_OPTIONS_OFFSET: u16 = 9;
    let buffers = model.buffers().into_iter().flatten();
    let constants = buffers.filter(|buffer: &Buffer| buffer.offset().unwrap_or(0) > 1);
    let constants = constants.filter_map(|buffer| buffer.field_at(BUFFER_OFFSET));
    let operators = model
        .subgraphs()
        .into_iter()
        .flatten()
        .flat_map(|subgraph| subgraph.operators().into_iter().flatten());
    let options = operators.filter(|operator| operator.large_custom_options_offset().unwrap_or(0) > 1);
    let options = options.filter_map(|operator| operator.field_at(LARGE_OPTIONS_OFFSET));
    constants.chain(options).collect()
}
