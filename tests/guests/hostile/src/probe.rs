//! Probes what is accessible: WASI through `std`, memory of earlier calls, and inputs that vary from run to run.

use std::{
    env, fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    HOST,
    bindings::{jackfield::provider::types::Report, wasi::random::random::get_random_bytes},
    compute::grow,
    number, requests, text, wasi_http,
};

/// The number of 64 KiB pages to search for leftovers: 16 MiB.
const PAGES: usize = 256;

/// The number of earlier calls of this instance.
static CALLS: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn leftovers() -> Vec<Report> {
    let calls = CALLS.fetch_add(1, Ordering::Relaxed);
    let Some(start) = grow(PAGES) else { return vec![text("leftovers", "memory was refused")] };
    #[expect(unsafe_code, reason = "only unwritten memory can still contain data of another call")]
    // SAFETY: memory was just grown by exactly these pages, and nothing else uses them yet.
    let fresh = unsafe { std::slice::from_raw_parts_mut(start as *mut u8, PAGES << 16) };
    let found = fresh.iter().filter(|byte| **byte != 0).count();
    fresh.fill(0xa5);
    vec![number("non_zero_bytes", found), number("calls_before", calls), number("filled_bytes", fresh.len())]
}

/// Formats time, randomness and the result of requests in one line without control characters.
pub(crate) fn varying_inputs() -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let random: Vec<String> = get_random_bytes(8).iter().map(|byte| format!("{byte:02x}")).collect();
    // The seed of a hash map comes from the insecure random generator.
    let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8);
    let sent = requests::get(HOST, "/ok");
    let second = wasi_http::get(HOST, "/ok");
    format!(
        "Time {time}, monotonic {:?}, random {}, seed {seed:016x}, request {sent}, by wasi:http {second}.",
        Instant::now(),
        random.concat()
    )
}

pub(crate) fn dump_environment() -> Vec<Report> {
    let variables: Vec<String> = env::vars_os().map(|(name, value)| format!("{name:?}={value:?}")).collect();
    let arguments: Vec<String> = env::args_os().map(|argument| format!("{argument:?}")).collect();
    vec![
        number("variables", variables.len()),
        text("variables_text", &variables.join(" ")),
        number("arguments", arguments.len()),
        text("arguments_text", &arguments.join(" ")),
        attempt("current_folder", env::current_dir().map(|folder| folder.display().to_string())),
        attempt("list_root", fs::read_dir("/").map(Iterator::count)),
        attempt("list_here", fs::read_dir(".").map(Iterator::count)),
        attempt("read_passwd", fs::read_to_string("/etc/passwd")),
        attempt("read_environ", fs::read("/proc/self/environ").map(|bytes| bytes.len())),
        attempt("read_key", fs::read("data/master.key").map(|bytes| bytes.len())),
        attempt("write_file", fs::write("/tmp/hostile", b"hostile")),
        attempt("make_folder", fs::create_dir("hostile")),
        attempt("look_up", ("slack.com", 443).to_socket_addrs().map(Iterator::count)),
        attempt("tcp_connect", TcpStream::connect("127.0.0.1:7420").map(|_| ())),
        attempt("tcp_connect_public", TcpStream::connect("1.1.1.1:443").map(|_| ())),
        attempt("tcp_listen", TcpListener::bind("127.0.0.1:0").map(|_| ())),
        attempt("udp_send", UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"hostile", "1.1.1.1:53"))),
        attempt("read_input", read_input()),
        attempt("write_output", io::stdout().write(b"hostile output\n")),
        attempt("write_error_output", io::stderr().write(b"hostile error output\n")),
    ]
}

fn read_input() -> io::Result<usize> {
    io::stdin().lock().take(1 << 10).read_to_end(&mut Vec::new())
}

fn attempt<T: std::fmt::Debug>(name: &str, result: io::Result<T>) -> Report {
    match result {
        Ok(got) => text(name, &format!("worked: {got:?}")),
        Err(error) => text(name, &format!("refused: {error}")),
    }
}
