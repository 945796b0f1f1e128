//! What a command opens: files, sockets, devices, pipes and code, by options, filters, muxers and names.

use super::line::{File, Line};
use super::report::{Kind, Opened, Way};
use super::word::Word;
use crate::threads::{flow, own};

/// Protocols that lead out of the machine, or to another process.
const NETWORK: &str = "rtmp rtmps rtmpt rtmpe rtmpts rtmpte srt rtsp rtsps udp udplite tcp tls http https httpproxy rtp srtp sctp ftp sftp \
    mmsh mmst gopher gophers icecast rist smb ws wss whip unix ipfs ipns amqp zmq mqtt prompeg";
/// Input and output formats that are devices.
const DEVICES: &str = "x11grab v4l2 video4linux2 kmsgrab fbdev gdigrab dshow avfoundation decklink alsa pulse oss jack sndio openal \
    xcbgrab android_camera iec61883 libdc1394 libcdio sdl sdl2 opengl caca xv audiotoolbox";
/// Options that name a file beside inputs and outputs, and whether it is written.
const FILES: &[(&str, bool)] = &[
    ("progress", true),
    ("vstats_file", true),
    ("sdp_file", true),
    ("dump_attachment", true),
    ("stats_enc_pre", true),
    ("stats_enc_post", true),
    ("stats_mux_pre", true),
    ("print_graphs_file", true),
    ("hls_segment_filename", true),
    ("segment_list", true),
    ("attach", false),
    ("filter_script", false),
    ("filter_complex_script", false),
    ("fpre", false),
    ("vpre", false),
    ("apre", false),
    ("hls_key_info_file", false),
    ("ca_file", false),
    ("cert_file", false),
    ("key_file", false),
    ("cookies_file", false),
];
/// Filters, the options of theirs that name something, and whether it is written.
const FILTERS: &[(&str, &[&str], Kind, Way)] = &[
    ("movie", &["filename", ""], Kind::File, Way::Reads),
    ("amovie", &["filename", ""], Kind::File, Way::Reads),
    ("subtitles", &["filename", "f", ""], Kind::File, Way::Reads),
    ("ass", &["filename", "f", ""], Kind::File, Way::Reads),
    ("lut3d", &["file", ""], Kind::File, Way::Reads),
    ("lut1d", &["file", ""], Kind::File, Way::Reads),
    ("drawtext", &["textfile"], Kind::File, Way::Reads),
    ("drawtext", &["fontfile"], Kind::File, Way::Reads),
    ("sendcmd", &["filename", "f"], Kind::File, Way::Reads),
    ("asendcmd", &["filename", "f"], Kind::File, Way::Reads),
    ("arnndn", &["model", "m", ""], Kind::File, Way::Reads),
    ("sofalizer", &["sofa", ""], Kind::File, Way::Reads),
    ("vidstabtransform", &["input"], Kind::File, Way::Reads),
    ("vidstabdetect", &["result"], Kind::File, Way::Writes),
    ("metadata", &["file"], Kind::File, Way::Writes),
    ("ametadata", &["file"], Kind::File, Way::Writes),
    ("psnr", &["stats_file", "f"], Kind::File, Way::Writes),
    ("ssim", &["stats_file", "f"], Kind::File, Way::Writes),
    ("libvmaf", &["log_path"], Kind::File, Way::Writes),
    ("signature", &["filename"], Kind::File, Way::Writes),
    ("zmq", &["bind_address", "b", ""], Kind::Socket, Way::Reads),
    ("azmq", &["bind_address", "b", ""], Kind::Socket, Way::Reads),
    ("frei0r", &["filter_name", ""], Kind::Code, Way::Reads),
    ("ladspa", &["file", "f", ""], Kind::Code, Way::Reads),
    ("lv2", &["plugin", "p", ""], Kind::Code, Way::Reads),
];

fn is_in(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == name)
}

/// Whether a name leads to a network.
pub(super) fn is_network(name: &str) -> bool {
    is_in(NETWORK, own::scheme(name))
}

/// Whether a name is standard input, standard output or another descriptor.
pub(super) fn is_pipe(name: &str) -> bool {
    name == "-"
        || name.starts_with("pipe:")
        || name.starts_with("fd:")
        || name == "/dev/stdin"
        || name == "/dev/stdout"
}

/// A name without what looks like a secret: a password, a stream's key, what a URL asks for.
pub(super) fn masked(name: &str) -> String {
    let Some((scheme, rest)) = name.split_once("://") else {
        return name.to_owned();
    };
    if !is_network(name) {
        return name.to_owned();
    }
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?***"));
    let (host, path) = rest
        .split_once('/')
        .map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = host
        .rsplit_once('@')
        .map_or_else(|| host.to_owned(), |(_, host)| format!("***@{host}"));
    let path = match path {
        // The last part of an RTMP address is the key of whoever publishes.
        Some(path) if scheme.starts_with("rtmp") && path.contains('/') => {
            let app = path.rsplit_once('/').map_or("", |(app, _)| app);
            format!("/{app}/***")
        }
        Some(path) => format!("/{path}"),
        None => String::new(),
    };
    format!("{scheme}://{host}{path}{query}")
}

/// What a name stands for.
fn opened(word: &Word, format: &str, way: Way, by: &str) -> Option<Opened> {
    let name = word.text.as_str();
    let what = if matches!(format, "lavfi" | "null") && !is_pipe(name) || format == "null" {
        return None;
    } else if is_in(DEVICES, format) || name.starts_with("/dev/") && !is_pipe(name) {
        Kind::Device
    } else if is_pipe(name) {
        Kind::Pipe
    } else if is_network(name) {
        Kind::Socket
    } else {
        Kind::File
    };
    let name = if word.is_known() { masked(name) } else { word.shown() };
    Some(Opened { what, way, name, by: by.to_owned() })
}

/// The outputs of the muxer `tee`, each with its options.
pub(super) fn slaves(name: &str) -> Vec<&str> {
    let mut slaves = Vec::new();
    let (mut from, mut escaped, mut quoted) = (0, false, false);
    for (at, c) in name.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => quoted = !quoted,
            '|' if !quoted => {
                slaves.push(&name[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    slaves.push(&name[from..]);
    slaves
}

/// The name in `[f=mp4]name`.
pub(super) fn without_options(slave: &str) -> &str {
    slave
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map_or(slave, |(_, name)| name)
}

/// Everything that a command opens, in the order of its words.
pub(super) fn all(line: &Line, args: &[Word]) -> Vec<Opened> {
    let mut all = Vec::new();
    for (number, file) in line.inputs.iter().enumerate() {
        let part = file.part(args);
        let format = part.whole("f").unwrap_or_default();
        let Some(word) = args.get(file.at) else { continue };
        all.extend(opened(word, format, Way::Reads, &format!("-i (input {number})")));
        if format == "lavfi" {
            of_graph(part.file, "-i", &mut all);
        }
        if format == "concat" {
            let name = format!("the files that {} lists", word.text);
            all.push(Opened {
                what: Kind::File,
                way: Way::Reads,
                name,
                by: "-f concat".to_owned(),
            });
        }
    }
    for (number, file) in line.outputs.iter().enumerate() {
        of_output(number, file, args, &mut all);
    }
    for option in line.all() {
        of_option(option.name.as_str(), option.value.and_then(|at| args.get(at)), &mut all);
    }
    if line.has("report") {
        let name = "ffmpeg-DATE.log".to_owned();
        all.push(Opened { what: Kind::File, way: Way::Writes, name, by: "-report".to_owned() });
    }
    if line.has("vstats") {
        let name = "vstats_TIME.log".to_owned();
        all.push(Opened { what: Kind::File, way: Way::Writes, name, by: "-vstats".to_owned() });
    }
    all
}

fn of_output(number: usize, file: &File, args: &[Word], all: &mut Vec<Opened>) {
    let part = file.part(args);
    let Some(word) = args.get(file.at) else { return };
    let muxer = super::media::muxer(&part, part.file);
    if muxer == "tee" {
        for slave in slaves(part.file) {
            let name = Word::known(without_options(slave));
            all.extend(opened(&name, "", Way::Writes, &format!("tee (output {number})")));
        }
        return;
    }
    all.extend(opened(word, &muxer, Way::Writes, &format!("output {number}")));
    let pieces = match muxer.as_str() {
        "hls" if part.whole("hls_segment_filename").is_none() => "segments beside the playlist",
        "dash" => "segments beside the manifest",
        _ => return,
    };
    let network = is_network(part.file);
    all.push(Opened {
        what: if network { Kind::Socket } else { Kind::File },
        way: Way::Writes,
        name: pieces.to_owned(),
        by: format!("-f {muxer} (output {number})"),
    });
}

fn of_option(name: &str, value: Option<&Word>, all: &mut Vec<Opened>) {
    let Some(value) = value else { return };
    let by = format!("-{name}");
    if let Some((_, writes)) = FILES.iter().find(|(known, _)| *known == name) {
        let way = if *writes { Way::Writes } else { Way::Reads };
        all.extend(opened(value, "", way, &by));
    } else if name.starts_with('/') {
        all.extend(opened(value, "", Way::Reads, &by));
    } else if name == "pass" {
        let way = if value.text == "1" { Way::Writes } else { Way::Reads };
        let name = "ffmpeg2pass-0.log, or as -passlogfile says".to_owned();
        all.push(Opened { what: Kind::File, way, name, by });
    } else if matches!(name, "vf" | "af" | "filter" | "filter_complex" | "lavfi") {
        of_graph(&value.text, &by, all);
    } else if matches!(name, "x264-params" | "x265-params" | "x264opts") {
        for key in ["stats", "csv", "dump-yuv", "recon", "analysis-save"] {
            if let Some(file) = flow::option(&value.text, &[key]) {
                let way = Way::Writes;
                all.push(Opened { what: Kind::File, way, name: file.to_owned(), by: by.clone() });
            }
        }
    } else if matches!(name, "init_hw_device" | "hwaccel" | "vaapi_device" | "qsv_device")
        && value.text != "none"
    {
        let way = Way::Reads;
        all.push(Opened { what: Kind::Device, way, name: value.text.clone(), by });
    }
}

fn of_graph(graph: &str, by: &str, all: &mut Vec<Opened>) {
    for filter in flow::filters(graph) {
        for (name, options, what, way) in FILTERS {
            if *name != filter.name {
                continue;
            }
            let named = flow::option(filter.options, options);
            let first = || filter.options.split(':').next().filter(|first| !first.contains('='));
            let found = named.or_else(|| options.contains(&"").then(first).flatten());
            if let Some(found) = found
                .map(|found| found.trim_matches('\''))
                .filter(|found| !found.is_empty())
            {
                let by = format!("{by}, filter {name}");
                all.push(Opened { what: *what, way: *way, name: masked(found), by });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out_of_names() {
        for (name, shown) in [
            ("rtmp://a.example/live/s3cret", "rtmp://a.example/live/***"),
            ("srt://a.example:9000?streamid=x&passphrase=y", "srt://a.example:9000?***"),
            ("https://me:pw@a.example/x.m3u8?token=1", "https://***@a.example/x.m3u8?***"),
            ("/media/a?b.mp4", "/media/a?b.mp4"),
        ] {
            assert_eq!(masked(name), shown);
        }
    }

    #[test]
    fn every_way_to_open_something_is_found() {
        let text = "-re -f lavfi -i movie=a.mkv -f x11grab -i :0 -f concat -i list.txt -i pipe:0 -i https://h/x \
            -progress p.log -report -vf subtitles=s.srt,lut3d=file=c.cube -pass 1 -f tee [f=mp4]o.mp4|[f=flv]rtmp://h/a/k \
            -f null - -f hls live.m3u8";
        let args: Vec<Word> = text.split_ascii_whitespace().map(Word::known).collect();
        let line = Line::of(&args).unwrap();
        let found: Vec<String> = all(&line, &args)
            .iter()
            .map(|one| format!("{:?} {:?} {}", one.what, one.way, one.name))
            .collect();
        for wanted in [
            "File Reads a.mkv",
            "Device Reads :0",
            "File Reads the files that list.txt lists",
            "Pipe Reads pipe:0",
            "Socket Reads https://h/x",
            "File Writes o.mp4",
            "Socket Writes rtmp://h/a/***",
            "File Writes live.m3u8",
            "File Writes segments beside the playlist",
            "File Writes p.log",
            "File Reads s.srt",
            "File Reads c.cube",
            "File Writes ffmpeg2pass-0.log, or as -passlogfile says",
            "File Writes ffmpeg-DATE.log",
        ] {
            assert!(found.iter().any(|one| one == wanted), "{wanted} in {found:#?}");
        }
        assert!(
            !found.iter().any(|one| one.contains("Writes -")),
            "null writes nowhere: {found:?}"
        );
    }
}
