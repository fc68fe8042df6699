//! What leaves the library: plans as JSON, CSV, C, pictures and text.
#![cfg(all(feature = "csv", feature = "json", feature = "report"))]

mod c_code;
mod csv;
mod fixture;
mod hash;
mod html;
mod json;
mod names;
mod pool_files;
mod pool_fixture;
mod pool_json;
mod pool_reports;
mod rejected;
mod svg;
mod text;
mod trace;
