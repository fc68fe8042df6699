//! Several input files, read one by one: a failure of one is reported, and the others go on.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use plimsoll::import::{ImportError, ImportOptions};

use crate::import_arguments::ImportArguments;
use crate::inputs::{expand, import_error};
use crate::outcome::Failure;
use crate::output::{progress, report_error};

pub struct Batch<'a> {
    pub files: Vec<PathBuf>,
    pub bar: ProgressBar,
    reading: &'a ImportArguments,
    /// Names of `--dim` options whose dimensions no file has so far.
    unused: RefCell<BTreeSet<String>>,
    failures: usize,
}

impl<'a> Batch<'a> {
    /// The files of these inputs, with folders searched. The progress bar has `steps` steps for each file.
    pub fn new(inputs: &[PathBuf], reading: &'a ImportArguments, steps: usize) -> Result<Self, Failure> {
        let files = expand(inputs)?;
        let unused = RefCell::new(reading.dims.iter().map(|(name, _)| name.clone()).collect());
        Ok(Self { bar: progress(files.len() * steps), files, reading, unused, failures: 0 })
    }

    /// The results of `run` for all files without failure. `run` advances the bar.
    pub fn run<T>(&mut self, mut run: impl FnMut(&Self, &Path) -> Result<T, Failure>) -> Vec<T> {
        let mut results = Vec::new();
        let mut failures = 0;
        for file in &self.files {
            self.bar.set_message(file.display().to_string());
            match run(self, file) {
                Ok(result) => results.push(result),
                Err(failure) => {
                    failures += 1;
                    self.bar.suspend(|| report_error(&failure));
                }
            }
        }
        self.bar.finish_and_clear();
        self.failures = failures;
        results
    }

    /// Imports one file with those `--dim` options whose dimensions it has.
    pub fn read<T>(
        &self,
        file: &Path,
        read: impl Fn(&ImportOptions) -> Result<T, ImportError>,
    ) -> Result<T, Failure> {
        let mut options = self.reading.import_options();
        loop {
            match read(&options) {
                Err(ImportError::UnknownDimension { name, .. }) if options.dims.remove(&name).is_some() => {}
                Err(error) => return Err(import_error(file, error)),
                Ok(imported) => {
                    self.unused.borrow_mut().retain(|name| !options.dims.contains_key(name));
                    return Ok(imported);
                }
            }
        }
    }

    /// Returns an error if some files failed, or if no file has a dimension of a `--dim`.
    pub fn check(&self) -> Result<(), Failure> {
        match (self.failures, self.unused.borrow().first()) {
            (0, None) => Ok(()),
            (0, Some(name)) => {
                Err(format!("--dim {name}: no input has a symbolic dimension of this name").into())
            }
            (failures, _) => {
                let count = self.files.len();
                Err(format!("{failures} of {count} inputs failed; see the errors above").into())
            }
        }
    }
}
