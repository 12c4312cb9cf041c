//! Gives the shared library the name by which programs that were linked to libzmq look for it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    match os.as_str() {
        "macos" => println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libzmq.5.dylib"),
        "windows" => {}
        // Debian's library has no symbol versions, so neither has this one.
        _ => println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libzmq.so.5"),
    }
}
