use super::*;
use crate::plan::tests::engine;

fn of(cpus: u32) -> Budget {
    Budget::fitted(Cpu::whole(cpus))
}

#[test]
fn one_cpu_means_one_thread_everywhere() {
    let budget = Budget::fitted(Cpu(500));
    assert_eq!((budget.decoder(), budget.filter()), (1, 1));
    for &codec in VideoCodec::ALL {
        assert_eq!(budget.encoder(codec), 1, "{codec}");
    }
}

#[test]
fn whole_machine_gets_what_the_programs_choose_themselves() {
    assert_eq!((of(2).decoder(), of(2).encoder(VideoCodec::H264)), (3, 3));
    assert_eq!((of(64).decoder(), of(64).encoder(VideoCodec::H264)), (16, 96));
    assert_eq!(of(8).x265(), "pools=8:frame-threads=3");
}

#[test]
fn two_cpus_do_not_pay_for_a_hundred_threads_of_an_old_svt_av1() {
    let old = Build::of(&engine());
    assert_eq!(of(2).svt_av1(&old), "lp=1");
    assert_eq!(of(4).svt_av1(&old), "lp=4");
    let new = Build::of(&ffleet_types::node::Engine { version: "9.0".to_owned(), ..engine() });
    assert_eq!(of(2).svt_av1(&new), "lp=2");
}

#[test]
fn vp9_tiles_are_no_narrower_than_the_codec_allows() {
    assert_eq!(of(16).vp9_tile_columns(640), 1);
    assert_eq!(of(16).vp9_tile_columns(1_920), 2);
    assert_eq!(of(2).vp9_tile_columns(3_840), 1);
    assert_eq!(of(1).vp9_tile_columns(16), 0);
}
