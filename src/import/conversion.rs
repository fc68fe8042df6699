//! Hints for model formats without an importer: tools that convert them.

const ONNX_FROM_TORCH: &str =
    "PyTorch: export the model by `torch.onnx.export(model, inputs, \"model.onnx\")`";
const FROM_KERAS: &str = "Keras: convert the model by `tf.lite.TFLiteConverter.from_keras_model(model)`, or by \
                          `model.export(\"model.onnx\", format=\"onnx\")`";
const FROM_TENSORFLOW: &str = "TensorFlow: convert the saved model by \
                               `tf.lite.TFLiteConverter.from_saved_model(folder)`, or by \
                               `python -m tf2onnx.convert --saved-model FOLDER --output model.onnx`";

/// Hints by file name extension, without the dot.
const CONVERSIONS: [(&[&str], &str); 9] = [
    (&["h5", "hdf5", "keras"], FROM_KERAS),
    (&["pb", "pbtxt", "ckpt", "meta"], FROM_TENSORFLOW),
    (&["pt", "pth", "pt2", "torchscript", "ptl", "bin"], ONNX_FROM_TORCH),
    (&["safetensors"], "safetensors holds weights without operators: export the model itself to .onnx"),
    (&["pte"], "ExecuTorch: a .pte file is planned already; export the PyTorch model to .onnx"),
    (&["ort"], "ONNX Runtime format: give the .onnx file from which it was converted"),
    (&["mlmodel", "mlpackage"], "Core ML: export the model from its framework to .onnx or .tflite"),
    (
        &["caffemodel", "prototxt", "param", "mnn", "xml", "gguf"],
        "export the model from its framework to .onnx",
    ),
    (
        &["pdmodel", "pdiparams"],
        "Paddle: convert the model by `paddle2onnx --model_dir FOLDER --save_file model.onnx`",
    ),
];

/// The hint for a file name extension; none for unknown ones.
pub(super) fn conversion(ending: &str) -> Option<&'static str> {
    CONVERSIONS.iter().find(|(endings, _)| endings.contains(&ending)).map(|(_, text)| *text)
}
