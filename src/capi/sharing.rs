//! Tensors that share memory while both are needed.

use super::boundary::{Failure, copy_out, guard, mutable, reference};
use super::graph::plimsoll_graph;
use super::options::{plimsoll_options, set};
use super::plan::{Planned, plimsoll_plan};
use super::records::{plimsoll_share, plimsoll_windowed};
use super::status::{
    PLIMSOLL_PERMIT_IN_PLACE, PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW, PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW,
    PLIMSOLL_PERMIT_PIECE, PLIMSOLL_PERMIT_VIEW, PLIMSOLL_SHARE_CONCAT, PLIMSOLL_SHARE_IN_PLACE,
    PLIMSOLL_SHARE_OVERLAP, PLIMSOLL_SHARE_SLICE, PLIMSOLL_SHARE_VIEW, PLIMSOLL_SHARING_ALL,
    PLIMSOLL_SHARING_IN_PLACE, PLIMSOLL_SHARING_NONE, PLIMSOLL_SHARING_VIEWS,
};
use crate::{How, Permit, Sharing, Side, TensorId, Windowed};

/// Says what memory an input and an output of an operator may share: a permission,
/// which a plan may use or not. `permit` is one of `PLIMSOLL_PERMIT_...`; `bytes` is
/// for VIEW where in the input the output's first byte is, for PIECE where in the
/// output the input's first byte is, for an OVERLAP how many bytes at the lower one's
/// end may be the upper one's start, and 0 for IN_PLACE.
///
/// Of a graph that is still added to, it is checked by `plimsoll_graph_build`; of one
/// that is built, and that no other thread uses, at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_permit(
    graph: *mut plimsoll_graph,
    operator_: u32,
    permit: i32,
    input: u32,
    output: u32,
    bytes: u64,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let ids = super::graph::tensor_ids(&[input, output])?;
        let permit = self::permit(permit, ids[0], ids[1], bytes)?;
        let unknown = || Failure::argument(format!("{operator_} is no operator"));
        let id = super::graph::operator_id(operator_).ok_or_else(unknown)?;
        match graph.builder() {
            Ok(builder) => {
                builder.operator_mut(id).ok_or_else(unknown)?.permits([permit]);
            }
            Err(_) => graph.change()?.permit(id, [permit])?,
        }
        Ok(())
    })
}

fn permit(number: i32, input: TensorId, output: TensorId, bytes: u64) -> Result<Permit, Failure> {
    Ok(match number {
        PLIMSOLL_PERMIT_VIEW => Permit::View { input, output, at: bytes },
        PLIMSOLL_PERMIT_PIECE => Permit::Piece { input, output, at: bytes },
        PLIMSOLL_PERMIT_IN_PLACE => Permit::InPlace { input, output },
        PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW => Permit::Overlap { input, output, bytes, lower: Side::Input },
        PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW => Permit::Overlap { input, output, bytes, lower: Side::Output },
        _ => return Err(Failure::argument(format!("{number} is no kind of permission"))),
    })
}

/// Says that operators may overwrite this graph input once nobody reads it any more.
/// Of a graph that is still added to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_mark_overwritable(graph: *mut plimsoll_graph, tensor: u32) -> i32 {
    guard(|| {
        let builder = unsafe { mutable(graph, "graph") }?.builder()?;
        builder.overwritable(super::graph::tensor_ids(&[tensor])?[0]);
        Ok(())
    })
}

/// Says that a tensor must lie `at` bytes after the start of tensor `of` in every plan;
/// at 0 bytes, the two are colocated; with a permission of an operator that reads one and
/// writes the other, it is a must-alias. Of a graph that is still added to.
///
/// Gives no right to share: where both have bytes in common, either the one is done
/// before the other comes, and their operators keep the order of the file, or an
/// operator permits it, which then counts whatever the options say of sharing. What
/// cannot be is `PLIMSOLL_ERROR_INVALID` when the graph is built or planned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_place_at(
    graph: *mut plimsoll_graph,
    tensor: u32,
    of: u32,
    at: u64,
) -> i32 {
    guard(|| {
        let builder = unsafe { mutable(graph, "graph") }?.builder()?;
        let ids = super::graph::tensor_ids(&[tensor, of])?;
        builder.place_at(ids[0], ids[1], at);
        Ok(())
    })
}

/// Says that no plan may let these two tensors have a byte in common while both are
/// needed, whatever operators permit. Of a graph that is still added to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_keep_apart(graph: *mut plimsoll_graph, one: u32, other: u32) -> i32 {
    guard(|| {
        let builder = unsafe { mutable(graph, "graph") }?.builder()?;
        let ids = super::graph::tensor_ids(&[one, other])?;
        builder.keep_apart(ids[0], ids[1]);
        Ok(())
    })
}

/// So many bytes at the output's end may be the input's start, where a convolution,
/// depthwise convolution or pooling is computed row by row, column by column and channel
/// by channel: for `PLIMSOLL_PERMIT_OVERLAP_OUTPUT_BELOW`. Of loops that run from the last
/// element to the first, at the input's end: for `PLIMSOLL_PERMIT_OVERLAP_INPUT_BELOW`. `PLIMSOLL_ERROR_ARGUMENT` if
/// the numbers do not fit each other, or one is above 2^24.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_safe_overlap(kernel: *const plimsoll_windowed, bytes: *mut u64) -> i32 {
    guard(|| {
        let kernel = unsafe { reference(kernel, "kernel") }?;
        let plimsoll_windowed { input, output, window, stride, padding, dilation, element_bytes, .. } =
            *kernel;
        let [by_channel, descending] = [kernel.by_channel, kernel.descending].map(|flag| flag != 0);
        let windowed = Windowed {
            input,
            output,
            window,
            stride,
            padding,
            dilation,
            by_channel,
            descending,
            element_bytes,
        };
        let wrong = || Failure::argument(format!("no kernel has these numbers: {windowed:?}"));
        *unsafe { mutable(bytes, "bytes") }? = windowed.safe_overlap().ok_or_else(wrong)?;
        Ok(())
    })
}

/// What tensors may share memory while both are needed, of what operators permit:
/// `PLIMSOLL_SHARING_...`, NONE unless set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_options_set_sharing(options: *mut plimsoll_options, sharing: i32) -> i32 {
    let set_to = |options: &mut plimsoll_options| {
        options.sharing = match sharing {
            PLIMSOLL_SHARING_NONE => Sharing::None,
            PLIMSOLL_SHARING_VIEWS => Sharing::Views,
            PLIMSOLL_SHARING_IN_PLACE => Sharing::InPlace,
            PLIMSOLL_SHARING_ALL => Sharing::All,
            _ => return Err(Failure::argument(format!("{sharing} is no level of sharing"))),
        };
        Ok(())
    };
    unsafe { set(options, set_to) }
}

/// Copies out which tensors share memory while both are needed, and how: what a
/// program that runs the plan need not copy. Up to `capacity` of them; `count` is how
/// many there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_shares(
    plan: *const plimsoll_plan,
    shares: *mut plimsoll_share,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let own: Vec<plimsoll_share> = match &unsafe { reference(plan, "plan") }?.of {
            Planned::Graph(_, plan) => plan.shares.iter().map(record).collect(),
            Planned::Problem(..) => Vec::new(),
        };
        unsafe { copy_out(&own, shares, capacity, count) }
    })
}

pub(super) fn record(share: &crate::Share) -> plimsoll_share {
    let how = match share.how {
        How::View => PLIMSOLL_SHARE_VIEW,
        How::Slice => PLIMSOLL_SHARE_SLICE,
        How::Concat => PLIMSOLL_SHARE_CONCAT,
        How::InPlace => PLIMSOLL_SHARE_IN_PLACE,
        How::Overlap => PLIMSOLL_SHARE_OVERLAP,
    };
    plimsoll_share {
        at: share.at,
        tensor: share.tensor.index() as u32,
        of: share.of.index() as u32,
        operator_: share.operator.index() as u32,
        how,
    }
}
