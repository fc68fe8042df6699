//! Shapes that the user gives to tensors.

use plimsoll::ElementType;
use plimsoll::import::{InputDimension, InputShape};

#[test]
fn shapes_are_read_as_they_are_written() {
    let size = InputDimension::Size;
    let symbol = |name: &str| InputDimension::Symbol(name.to_owned());
    for (text, dims) in [
        ("1x3x224x224", vec![size(1), size(3), size(224), size(224)]),
        ("1x3xHxW", vec![size(1), size(3), symbol("H"), symbol("W")]),
        ("1, 3, max, 2*W + 1", vec![size(1), size(3), symbol("max"), symbol("2*W + 1")]),
        ("7", vec![size(7)]),
        ("max,", vec![symbol("max")]),
        ("0", vec![size(0)]),
    ] {
        let shape: InputShape = text.parse().unwrap();
        assert_eq!(shape.dimensions, dims, "{text}");
        assert_eq!(shape.to_string().parse(), Ok(shape));
    }
    let typed: InputShape = "2x3:float16".parse().unwrap();
    assert_eq!((typed.dimensions.len(), typed.element_type), (2, Some(ElementType::Float16)));
    assert_eq!(typed.to_string().parse(), Ok(typed));
    let named: InputShape = "1x3:n".parse().unwrap();
    assert_eq!(named.dimensions[1], symbol("3:n"));
    for text in ["", "1x", "x", "1xx3", "1,,3", "-1x3", "99999999999999999999", ","] {
        assert!(text.parse::<InputShape>().is_err(), "{text}");
    }
}
