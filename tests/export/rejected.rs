//! Rejected documents: not a plan, or not a plan of this model. Each case has its own error message.

use plimsoll::export::json::{DocumentError, PlanDocument};
use plimsoll::import::ImportOptions;
use plimsoll::verify::verify;
use serde_json::{Value, json};

use crate::fixture;

fn graph_document() -> Value {
    let graph = fixture::graph();
    let document = PlanDocument::of_graph(&graph, &fixture::plan(&graph), &ImportOptions::default());
    serde_json::from_str(&document.to_json()).unwrap()
}

fn problem_document() -> Value {
    let problem = fixture::problem();
    let solution = fixture::solution(&problem);
    let document = PlanDocument::of_problem("four", &problem, &solution, &ImportOptions::default());
    serde_json::from_str(&document.to_json()).unwrap()
}

/// The error message for the document of the graph's plan after this change.
fn graph_refusal(change: impl FnOnce(&mut Value)) -> String {
    let mut document = graph_document();
    change(&mut document);
    let read = PlanDocument::from_json(&document.to_string());
    read.and_then(|read| read.to_plan(&fixture::graph())).unwrap_err().to_string()
}

fn problem_refusal(change: impl FnOnce(&mut Value)) -> String {
    let mut document = problem_document();
    change(&mut document);
    let read = PlanDocument::from_json(&document.to_string());
    read.and_then(|read| read.to_solution(&fixture::problem())).unwrap_err().to_string()
}

#[test]
fn other_formats() {
    let refusal = |text: &str| PlanDocument::from_json(text).unwrap_err().to_string();
    assert_eq!(refusal("{}"), "the plan's format is not stated; this version reads `plimsoll-plan/1`");
    assert_eq!(
        refusal(r#"{"format": "plimsoll-plan/2", "tensors": 7}"#),
        "the plan's format is `plimsoll-plan/2`; this version reads `plimsoll-plan/1`"
    );
    assert_eq!(refusal(r#"{"format": 1}"#), "the plan's format is `1`; this version reads `plimsoll-plan/1`");
    assert_eq!(refusal("x"), "not a plan: expected value at line 1 column 1");
    let array = "not a plan: invalid type: sequence, expected an object at line 1 column 0";
    assert_eq!(refusal("[{]"), array);
    assert_eq!(
        refusal(r#"{"format": "plimsoll-plan/1"}"#),
        "not a plan: missing field `status` at line 1 column 29"
    );
}

#[test]
fn gaps_of_graph_tensors() {
    assert_eq!(
        graph_refusal(|plan| plan["tensors"][0]["gaps"] = json!([[0, 1]])),
        "tensor `image` has gaps in its live range; only plans of buffers may have gaps, so remove `gaps`"
    );
}

#[test]
fn wrong_fields() {
    for (field, value, text) in [
        (
            "status",
            json!("perfect"),
            "unknown variant `perfect`, expected one of `optimal`, `feasible`, `infeasible`, `unknown`",
        ),
        ("arena_bytes", json!(-1), "invalid value: integer `-1`, expected u64"),
        ("arena_bytes", json!(1.5), "invalid type: floating point `1.5`, expected u64"),
        ("order", json!(["conv"]), "invalid type: string \"conv\", expected usize"),
    ] {
        let refusal = graph_refusal(|document| document[field] = value);
        assert!(refusal.starts_with(&format!("not a plan: {text} at line 1 column ")), "{refusal}");
    }
    let text =
        graph_document().to_string().replacen("\"offset\":16448", "\"offset\":18446744073709551616", 1);
    let refusal = PlanDocument::from_json(&text).unwrap_err().to_string();
    assert!(
        refusal.starts_with("not a plan: invalid type: floating point `1.8446744073709552e+19`"),
        "{refusal}"
    );
}

#[test]
fn references_out_of_range() {
    assert_eq!(
        graph_refusal(|document| document["order"][2] = json!(5)),
        "step 2 of the order names operator 5, but the model has 5 operators"
    );
    assert_eq!(
        graph_refusal(|document| document["tensors"][0]["index"] = json!(u64::MAX)),
        "the entry of tensor `image` names tensor 18446744073709551615, but the model has 8 tensors"
    );
    assert_eq!(
        graph_refusal(|document| document["scratch"][1]["operator"] = json!(9)),
        "entry 1 of `scratch` names operator 9, but the model has 5 operators"
    );
    assert_eq!(
        graph_refusal(|document| document["lower_bound"]["tensors"][0] = json!(8)),
        "the lower bound names tensor 8, but the model has 8 tensors"
    );
    assert_eq!(
        graph_refusal(|document| document["lower_bound"]["scratch"] = json!([5])),
        "the lower bound names operator 5, but the model has 5 operators"
    );
}

/// The violations of the graph's plan after this change.
fn violations(change: impl FnOnce(&mut Value)) -> String {
    let mut document = graph_document();
    change(&mut document);
    let graph = fixture::graph();
    let plan = PlanDocument::from_json(&document.to_string()).unwrap().to_plan(&graph).unwrap();
    verify(&graph, &plan).map_or_else(|wrong| wrong.to_string(), |()| String::new())
}

#[test]
fn objects_of_an_absent_list() {
    let remove = |document: &mut Value| {
        document.as_object_mut().unwrap().remove("objects");
        document["tensors"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|entry| entry["object"] = Value::Null);
        document["scratch"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|entry| entry["object"] = Value::Null);
    };
    assert_eq!(violations(remove), "");
    let text = violations(|document| {
        remove(document);
        document["tensors"][0]["object"] = json!(0);
    });
    assert!(text.contains("[G2] tensor `image` is in object 0, but there are 0"), "{text}");
    let text = violations(|document| {
        remove(document);
        document["scratch"][0]["object"] = json!(1);
    });
    assert!(text.contains("is in object 1, but there are 0"), "{text}");
}

/// Without a certificate, the bound is a claim of which nothing is certified.
#[test]
fn a_bound_without_a_certificate() {
    let mut document = graph_document();
    document.as_object_mut().unwrap().remove("lower_bound");
    let read = PlanDocument::from_json(&document.to_string()).unwrap();
    let bound = read.to_plan(&fixture::graph()).unwrap().lower_bound;
    assert_eq!((bound.bytes, bound.certified), (read.lower_bound_bytes, 0));
    let mut document = problem_document();
    document.as_object_mut().unwrap().remove("lower_bound");
    let read = PlanDocument::from_json(&document.to_string()).unwrap();
    let bound = read.to_solution(&fixture::problem()).unwrap().lower_bound;
    assert_eq!((bound.bytes, bound.certified), (read.lower_bound_bytes, 0));
}

#[test]
fn entries_of_the_wrong_thing() {
    assert_eq!(
        graph_refusal(|document| document["tensors"][1] = document["tensors"][0].clone()),
        "the plan places tensor 0 (`image`) twice"
    );
    assert_eq!(
        graph_refusal(|document| document["scratch"][1] = document["scratch"][0].clone()),
        "the plan places the scratch of operator 1 (`conv`) twice"
    );
    assert_eq!(
        graph_refusal(|document| document["tensors"][1]["name"] = json!("feature")),
        "tensor 3 has the name `feature` in the plan and `features` in the model"
    );
    assert_eq!(
        graph_refusal(|document| document["tensors"][1]["pool"] = json!("sram")),
        "tensor `features` is in pool `sram`; this version supports only `arena`"
    );
}

#[test]
fn shares_of_the_wrong_thing() {
    let refusal =
        |aliases: serde_json::Value| graph_refusal(|document| document["tensors"][1]["shares"] = aliases);
    let alias = |index: usize, tensor: &str, operator: usize, how: &str| json!({ "tensor": tensor, "index": index, "operator": operator, "how": how, "at": 0 });
    let expected = [
        (
            json!(0),
            "not a plan: invalid type: integer `0`, expected `shares`: an object or a list of objects",
        ),
        (json!([0]), "not a plan: invalid type: integer `0`, expected an object"),
        (json!({ "tensor": "image" }), "not a plan: missing field `index`"),
        (alias(0, "image", 0, "borrowed"), "not a plan: unknown variant `borrowed`, expected one of `view`"),
        (
            alias(99, "image", 0, "view"),
            "`shares` of tensor `features` names tensor 99, but the model has 8 tensors",
        ),
        (
            alias(0, "features", 0, "view"),
            "`shares` of tensor `features` names tensor 0 `features`, but its name is `image`",
        ),
        (
            alias(0, "image", 99, "view"),
            "`shares` of tensor `features` names operator 99, but the model has 5 operators",
        ),
    ];
    for (aliases, start) in expected {
        let refusal = refusal(aliases.clone());
        assert!(refusal.starts_with(start), "{aliases}: {refusal}");
    }
}

#[test]
fn plans_of_something_else() {
    let problem_plan = PlanDocument::from_json(&problem_document().to_string()).unwrap();
    assert_eq!(problem_plan.to_plan(&fixture::graph()), Err(DocumentError::NoOrder));
    assert_eq!(
        DocumentError::NoOrder.to_string(),
        "the plan has no order: it is a plan of a list of buffers, not of a graph"
    );
    let hash = graph_document()["graph_hash"].as_str().unwrap().to_owned();
    let text = format!(
        "the plan was made for another model, or one imported with other options: \
         its hash is 123, that of this model is {hash}"
    );
    assert_eq!(graph_refusal(|document| document["graph_hash"] = json!("123")), text);
}

#[test]
fn unknown_element_types() {
    let mut document = graph_document();
    document["options"]["floats_as"] = json!("int7");
    let options = PlanDocument::from_json(&document.to_string()).unwrap().options;
    let text = options.to_options().unwrap_err().to_string();
    assert!(
        text.starts_with("import options of the plan: `int7` is not an element type; use one of float64"),
        "{text}"
    );
}

#[test]
fn buffers_that_do_not_match() {
    assert_eq!(
        problem_refusal(|document| document["tensors"][1] = document["tensors"][0].clone()),
        "the plan places buffer `a` twice"
    );
    assert_eq!(
        problem_refusal(|document| document["tensors"][1]["name"] = json!("d")),
        "the plan has buffers that the model lacks: `d`"
    );
    assert_eq!(
        problem_refusal(|document| {
            document["tensors"].as_array_mut().unwrap().truncate(2);
        }),
        "the plan has no offset for `c`, `empty`"
    );
    assert_eq!(
        problem_refusal(|document| document["tensors"][0]["bytes"] = json!(95)),
        "buffer `a` has 95 bytes live 0..2 in the plan and 96 bytes live 0..2 in the model"
    );
    assert_eq!(
        problem_refusal(|document| document["tensors"][2]["live"][1] = json!(6)),
        "buffer `c` has 64 bytes live 2..6 in the plan and 64 bytes live 2..5 in the model"
    );
    let many: Vec<Value> = (0..12)
        .map(|index| json!({"index": index, "name": format!("n{index}"), "bytes": 1, "offset": 0, "live": [0, 1]}))
        .collect();
    assert_eq!(
        problem_refusal(|document| document["tensors"] = Value::Array(many)),
        "the plan has buffers that the model lacks: \
         `n0`, `n1`, `n2`, `n3`, `n4`, `n5`, `n6`, `n7`, `n8`, `n9`, and 2 more"
    );
    assert!(problem_refusal(|document| document["graph_hash"] = json!("")).starts_with(
        "the plan was made for another model, or one imported with other options: its hash is , "
    ));
}
