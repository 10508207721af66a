//! Builds the server again when a page that is embedded into it was built again.
//!
//! The folder is in every clone, so that what is missing in it is not taken for a change each time.

fn main() {
    println!("cargo:rerun-if-changed=web/dist");
}
