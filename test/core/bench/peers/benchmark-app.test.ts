import {expect} from 'chai'

import {argumentsOf, readFigures} from '../../../../src/core/bench/peers/benchmark-app.ts'

const OUTPUT = `
[ INFO ] Count:            12401 iterations
[ INFO ] Duration:         1000.03 ms
[ INFO ] Latency:
[ INFO ]    Median:        66.54 us
[ INFO ]    Average:       70.10 us
[ INFO ] Throughput:   12400.57 FPS
`
const REQUEST = {
  model: '/models/m.onnx',
  device: 'CPU',
  profile: 'latency',
  inputs: [
    {name: 'a', datatype: 'FP32', shape: [1, 576]},
    {name: 'b', datatype: 'INT64', shape: [1]},
  ],
} as const
const FILES = {
  settings: 's.json',
  inputs: new Map([
    ['a', '0.npy'],
    ['b', '1.npy'],
  ]),
}

describe('benchmark_app', () => {
  it('is given the same model, shapes, inputs, device, settings and requests in flight', () => {
    expect(argumentsOf(REQUEST, {durationMs: 60, window: 1}, FILES).join(' ')).to.equal(
      '-m /models/m.onnx -d CPU -hint latency -data_shape a[1,576],b[1] -i a:0.npy b:1.npy -api async -infer_precision f32 -load_config s.json -nireq 1 -t 1',
    )
    const tuned = argumentsOf({...REQUEST, profile: 'throughput'}, {durationMs: 2400, window: 16}, FILES)
    expect(tuned.join(' ')).to.match(
      /-hint throughput .* -api async -infer_precision f32 -load_config s\.json -nireq 16 -t 2$/,
    )
    const npu = argumentsOf(
      {...REQUEST, device: 'NPU'},
      {durationMs: 60, window: 1},
      {settings: 's.json', inputs: new Map()},
    )
    expect(npu.join(' ')).to.equal(
      '-m /models/m.onnx -d NPU -hint latency -data_shape a[1,576],b[1] -api async -nireq 1 -t 1',
    )
  })

  it('is read by what it prints at its end, in whichever unit', () => {
    expect(readFigures(OUTPUT)).to.deep.equal({perSecond: 12_400.57, p50Us: 66.54, p99Us: null, latenciesUs: null})
    expect(readFigures(OUTPUT.replace('66.54 us', '1.25 ms'))!.p50Us).to.equal(1250)
  })

  it('gives nothing where it ended before', () => {
    expect(readFigures('[ ERROR ] Exception from src/inference/src/cpp/core.cpp')).to.equal(null)
  })
})
