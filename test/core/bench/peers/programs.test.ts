import type {Context} from 'mocha'

import {expect} from 'chai'

import type {Peer, PeerRequest} from '../../../../src/core/bench/peers/peer.ts'

import {onnxruntime, openvinoNode, openvinoPython} from '../../../../src/core/bench/peers/programs.ts'
import {resolveModel} from '../../../../src/core/models/resolve.ts'
import {failureOf} from '../../../support/failure.ts'
import {requireNative} from '../../../support/native.ts'
import {withTestPython} from '../../../support/test-python.ts'

const {signal} = new AbortController()

async function request(context: Context): Promise<PeerRequest> {
  const {modelsFolder} = await requireNative(context, ['silero-vad'])
  return {
    model: (await resolveModel('silero-vad', modelsFolder)).path,
    device: 'CPU',
    profile: 'latency',
    inputs: [
      {name: 'input', datatype: 'FP32', shape: [1, 576]},
      {name: 'state', datatype: 'FP32', shape: [2, 1, 128]},
    ],
  }
}

describe('libraries to compare with', () => {
  withTestPython()

  for (const [peer, about] of [
    [openvinoPython, /^openvino \d+\..* for Python$/],
    [onnxruntime, /^onnxruntime \d+\./],
  ] as ReadonlyArray<readonly [Peer, RegExp]>) {
    it(`run the same model, one by one and several at a time: ${peer.name}`, async function () {
      await using session = await peer.open(await request(this), signal)
      expect(session.about).to.match(about)
      for (const window of [1, 4]) {
        const {latenciesUs, p50Us, perSecond} = await session.run({durationMs: 20, window})
        expect(latenciesUs!.length).to.be.at.least(window)
        expect(p50Us).to.be.above(0)
        expect(perSecond).to.be.above(0)
      }
    })
  }

  it('say what they cannot run', async () => {
    const ir = {model: 'm.xml', device: 'CPU', profile: 'latency', inputs: []} as const
    expect((await failureOf(onnxruntime.open(ir, signal))).message).to.contain('m.xml is none')
    const npu = await failureOf(onnxruntime.open({...ir, model: 'm.onnx', device: 'NPU'}, signal))
    expect(npu.code).to.equal('UNSUPPORTED_OPERATION')
  })

  it('say that they are not installed', async () => {
    const model = {model: 'm.onnx', device: 'CPU', profile: 'latency', inputs: []} as const
    const {code, message} = await failureOf(openvinoNode.open(model, signal))
    expect(code).to.equal('UNSUPPORTED_OPERATION')
    expect(message).to.contain('openvino-node')
  })
})
