// Runs a WebAssembly program for WASI in Node.js.
const fs = require("fs");
const { WASI } = require("wasi");
const options = { version: "preview1", args: ["program"] };
const wasi = new WASI(options);
WebAssembly.instantiate(fs.readFileSync(process.argv[2]), { wasi_snapshot_preview1: wasi.wasiImport })
    .then((module) => process.exit(wasi.start(module.instance)));
