//! Inferences that hang, or are only slow.
use super::*;

#[test]
fn an_inference_that_hangs_is_abandoned_in_time_although_nothing_else_happens() {
    let Some((npu, engine, model)) = working() else { return };
    std::thread::sleep(Duration::from_millis(300));
    npu.faults("hang_after=0");
    let started = Instant::now();
    let result = simply(&engine, tiny(&model, 0)).answer();
    let took = started.elapsed();
    assert!(result.outcome.is_ok(), "{result:?}");
    assert_eq!(ran_on(&result), "CPU");
    assert!(fallback(&result).reason.contains("did not end within"), "{result:?}");
    assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(5), "{took:?}");
    assert_eq!(engine.metrics().abandoned, 1, "what hangs is not tried on the same device again");
    npu.faults("");
    comes_back(&engine, &model);
}

#[test]
fn a_hung_inference_is_answered_although_its_model_was_unloaded_meanwhile() {
    let Some((npu, engine, model)) = working() else { return };
    npu.faults("hang_after=0");
    let hung = simply(&engine, tiny(&model, 0));
    std::thread::sleep(Duration::from_millis(50));
    simply(&engine, unload(&model)).answer().outcome.unwrap();
    let result = hung.answer();
    assert!(result.outcome.is_ok(), "{result:?}");
}

#[test]
fn a_device_that_hangs_keeps_workers_for_what_is_loaded_anew_meanwhile() {
    let Some((npu, engine, model)) = working() else { return };
    npu.faults("hang_after=0");
    let hung = simply(&engine, tiny(&model, 0));
    std::thread::sleep(Duration::from_millis(50));
    simply(&engine, unload(&model)).answer().outcome.unwrap();
    let next: Vec<_> = (0..3).map(|_| simply(&engine, tiny(&model, 0))).collect();
    hung.answer().outcome.unwrap();
    next.into_iter().for_each(|asked| drop(asked.answer().outcome.unwrap()));
}

#[test]
fn a_device_that_hangs_holds_up_neither_loading_nor_shutting_down() {
    let Some((npu, engine, model)) = working() else { return };
    npu.faults("hang_after=0");
    let first: Vec<_> = (0..2).map(|_| simply(&engine, Operation::Initialize)).collect();
    let hung = simply(&engine, tiny(&model, 0));
    // Long enough for the device to be given up, and to be tried again in vain.
    std::thread::sleep(Duration::from_millis(1200));
    for index in 0..3 {
        let other = npu.model(&format!("other{index}"));
        let loaded = simply(&engine, load(&other)).is_answered_within(Duration::from_secs(10));
        loaded.expect("loading is held up").outcome.unwrap();
    }
    hung.answer().outcome.unwrap();
    for asked in first {
        let result = asked.answer();
        assert_eq!(&*fallback(&result).from, "NPU");
        assert_eq!(report(result)["device"], "CPU");
    }
    let started = Instant::now();
    engine.shutdown(Duration::ZERO);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[test]
fn shutting_down_answers_what_hangs_and_what_is_only_slow() {
    for faults in ["hang_after=0", "slow_us=2500000"] {
        let Some(npu) = Npu::take() else { return };
        let engine = npu.engine_with(&["NPU", "CPU"], |config| Config {
            hang_after: Duration::from_secs(30),
            ..config
        });
        let model = npu.model("m");
        on_npu(&engine, tiny(&model, 0));
        npu.faults(faults);
        let asked: Vec<_> = (0..6).map(|_| simply(&engine, tiny(&model, 0))).collect();
        std::thread::sleep(Duration::from_millis(50));
        let started = Instant::now();
        engine.shutdown(Duration::from_millis(100));
        let took = started.elapsed();
        assert!(took < Duration::from_secs(3), "{faults}: {took:?}");
        for asked in asked {
            let result = asked.is_answered_within(Duration::ZERO);
            let error = result.expect("answered when shutdown returned").outcome.unwrap_err();
            assert_eq!(error.code(), ErrorCode::Cancelled, "{faults}: {error}");
        }
    }
}

#[test]
fn deadlines_come_in_time_while_the_device_is_busy() {
    let Some((npu, engine, model)) = working() else { return };
    npu.faults("slow_us=200000");
    let busy: Vec<_> = (0..4).map(|_| simply(&engine, tiny(&model, 0))).collect();
    std::thread::sleep(Duration::from_millis(20));
    let started = Instant::now();
    let asked: Vec<_> =
        (0..5).map(|_| ask(&engine, tiny(&model, 0), within(Duration::from_millis(50)))).collect();
    for asked in asked {
        assert_eq!(asked.code(), ErrorCode::DeadlineExceeded);
    }
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(50) && took < Duration::from_millis(150), "{took:?}");
    busy.into_iter().for_each(|asked| drop(asked.answer().outcome.unwrap()));
}

#[test]
fn what_runs_on_a_device_that_cannot_cancel_is_answered_as_cancelled_when_it_ends() {
    let Some((npu, engine, model)) = working() else { return };
    npu.faults("slow_us=200000");
    let running = simply(&engine, tiny(&model, 0));
    std::thread::sleep(Duration::from_millis(50));
    let started = Instant::now();
    assert!(engine.cancel(running.ticket.unwrap()));
    let result = running.answer();
    assert_eq!(result.outcome.unwrap_err().code(), ErrorCode::Cancelled);
    assert!(started.elapsed() >= Duration::from_millis(100), "{:?}", started.elapsed());
    npu.faults("");
    on_npu(&engine, tiny(&model, 0));
}

#[test]
fn a_step_cancelled_while_it_runs_leaves_its_stream_as_it_was() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine();
    let model = ir::recurrent(npu.folder.path(), "recurrent");
    let ones = || Tensor::from_f32(&[1, 4], &[1.0; 4]).unwrap();
    for last in [false, true] {
        let next = |last| step(&model, "s", last, &[("x", ones())]);
        assert_eq!(simply(&engine, next(false)).values(), [2.0; 4]);
        npu.faults("slow_us=200000");
        let running = simply(&engine, next(last));
        std::thread::sleep(Duration::from_millis(50));
        engine.cancel(running.ticket.unwrap());
        assert_eq!(running.code(), ErrorCode::Cancelled);
        npu.faults("");
        assert_eq!(simply(&engine, next(true)).values(), [4.0; 4], "last: {last}");
    }
}

#[test]
fn as_many_workers_as_are_idle_take_up_what_is_submitted_at_once() {
    let Some(npu) = Npu::take() else { return };
    let engine = npu.engine_with(&["NPU", "CPU"], |config| Config {
        profile: Profile::Throughput,
        hang_after: Duration::from_secs(30),
        ..config
    });
    let model = npu.model("m");
    on_npu(&engine, tiny(&model, 0));
    std::thread::sleep(Duration::from_millis(50));
    npu.faults("slow_us=300000");
    let tally = Tally::new(4, true);
    let submissions =
        (0..4).map(|index| tally.submission(index, tiny(&model, index), Options::default()));
    engine.submit_all(submissions.collect::<Vec<_>>(), |_| {});
    tally.wait();
    // The device runs one after the other, but has all of them.
    for (_, result) in tally.take() {
        assert!(result.times.queue < 200_000_000, "waited for {} ns", result.times.queue);
    }
}
