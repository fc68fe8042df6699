//! Plans as CSV: `id,lower,upper,size,alignment,offset`, and `gaps` if any buffer has gaps. Imported as
//! a problem, the file gives the geometry of the plan with every buffer fixed at its offset. Plans for
//! several memories have a row for each residency interval: `tensor,pool,offset,bytes,start,end`.

use csv::Writer;

use super::names::{row_names, unique_names};
use crate::{PlanView, ViewRow, ViewedPlan};

/// A row for each tensor or buffer, then for the scratch of each operator; for several memories, a row
/// for each residency interval.
#[must_use]
pub fn write(view: &PlanView<'_>) -> String {
    let names =
        view.rows.iter().zip(row_names(view)).map(|(row, name)| {
            if row.is_scratch() { format!("scratch of {name}") } else { name.into_owned() }
        });
    let rows = view.rows.iter().zip(names.collect::<Vec<_>>());
    match &view.plan {
        ViewedPlan::Arena(_) => arena(rows.unzip()),
        ViewedPlan::Pools(plan) => {
            let header = ["tensor", "pool", "offset", "bytes", "start", "end"].map(String::from);
            // Plans from files may list scratch before tensors.
            let (scratch, tensors): (Vec<_>, Vec<_>) = rows.partition(|(row, _)| row.is_scratch());
            let rows = tensors.into_iter().chain(scratch).map(|(row, name)| {
                let place = row.place;
                let numbers = [place.offset, place.bytes, place.live.start.into(), place.live.end.into()];
                let [offset, bytes, start, end] = numbers.map(|number: u64| number.to_string());
                [name, plan.pools.pool(row.memory).name().to_owned(), offset, bytes, start, end]
            });
            written([header].into_iter().chain(rows))
        }
    }
}

fn arena((rows, names): (Vec<&ViewRow<'_>>, Vec<String>)) -> String {
    // CSV readers trim fields, and a tensor may have the name `scratch of x`.
    let ids = unique_names(names.iter().map(|name| name.trim()));
    let columns = if rows.iter().any(|row| !row.gaps.is_empty()) { 7 } else { 6 };
    let header = ["id", "lower", "upper", "size", "alignment", "offset", "gaps"].map(String::from);
    let lines = ids.into_iter().zip(rows).map(|(id, ViewRow { alignment, place, gaps, .. })| {
        let numbers = [place.live.start.into(), place.live.end.into(), place.bytes, *alignment, place.offset];
        let [lower, upper, size, alignment, offset] = numbers.map(|number: u64| number.to_string());
        let gaps: Vec<String> = gaps.iter().map(|gap| format!("{}-{}", gap.start, gap.end)).collect();
        [id, lower, upper, size, alignment, offset, gaps.join(" ")]
    });
    written([header].into_iter().chain(lines).map(|line| line.into_iter().take(columns)))
}

fn written<L: IntoIterator<Item = String>>(lines: impl Iterator<Item = L>) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    for line in lines {
        let written = writer.write_record(line.into_iter().map(String::into_bytes));
        written.expect("a vector takes every byte, and all rows have as many fields");
    }
    let bytes = writer.into_inner().expect("a vector takes every byte");
    String::from_utf8(bytes).expect("fields are text")
}
