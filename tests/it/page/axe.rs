//! axe-core, which looks for faults that people without sight or mouse would meet.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Its script, fetched once.
pub(super) fn axe() -> &'static str {
    static AXE: OnceLock<String> = OnceLock::new();
    AXE.get_or_init(|| {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
        let script = cache.join("node_modules/axe-core/axe.min.js");
        if !script.exists() {
            std::fs::create_dir_all(&cache).unwrap();
            for file in ["package.json", "package-lock.json"] {
                std::fs::copy(root.join("tests/page").join(file), cache.join(file)).unwrap();
            }
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
            let status = npm.current_dir(&cache).status().expect("npm: `.ci/run` installs it");
            assert!(status.success(), "npm could not fetch axe-core");
        }
        std::fs::read_to_string(script).unwrap()
    })
}
