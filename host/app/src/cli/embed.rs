//! `hodhod embed`: puts a manifest into a component.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use hodhod_core::manifest::Manifest;

use super::output;
use crate::plugin;

/// Puts a manifest into a component, for operators to read before they run it.
#[derive(Debug, clap::Args)]
pub(super) struct Embed {
    /// The component.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The manifest, as JSON.
    #[arg(value_name = "MANIFEST")]
    manifest: PathBuf,
    /// Where the result goes; the component itself where it is left out.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Embed {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let component = plugin::read(&self.file).map_err(|what| anyhow::anyhow!("{}: {what}", self.file.display()))?;
        let manifest = std::fs::read(&self.manifest).with_context(|| self.manifest.display().to_string())?;
        let manifest = Manifest::parse(&manifest).with_context(|| self.manifest.display().to_string())?;
        let whole = hodhod_engine::embed(&component, &manifest).with_context(|| self.file.display().to_string())?;
        let output = self.output.as_ref().unwrap_or(&self.file);
        // Beside the file and then in its place: a host that watches it never sees half of one.
        let aside = output.with_extension("part");
        std::fs::write(&aside, &whole).with_context(|| aside.display().to_string())?;
        std::fs::rename(&aside, output).with_context(|| output.display().to_string())?;
        output::say(&format!("{}: {} bytes, sha256:{}", output.display(), whole.len(), hodhod_engine::digest(&whole)));
        Ok(ExitCode::SUCCESS)
    }
}
