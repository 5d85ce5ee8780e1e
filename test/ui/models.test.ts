import {expect} from 'chai'

import {renderModel, renderModelList, renderPulled} from '../../src/ui/models.ts'

const listed = {
  name: 'tiny',
  version: '1',
  task: 'tests',
  license: 'MIT',
  problem: null,
  bytes: 2e6,
  downloadBytes: 3e6,
}

describe('models on the screen', () => {
  it('are listed with what to do next', () => {
    const text = renderModelList(
      [
        {...listed, state: 'installed'},
        {...listed, name: 'other', state: 'available'},
        {...listed, name: 'broken', state: 'damaged', problem: 'model.onnx is missing'},
      ],
      '/models',
    )
    expect(text).to.contain('✔ yes').and.to.contain('· no').and.to.contain('✖ damaged: model.onnx is missing')
    expect(text).to.contain('Fetch:  npubridge models pull other broken   (6.0 MB to download)')
  })

  it('need no fetching when all are here', () => {
    expect(renderModelList([{...listed, state: 'installed'}], '/models')).to.not.contain('Fetch')
  })

  it('are shown with tensors; a free dimension is a question mark', () => {
    const text = renderModel({
      name: 'tiny',
      path: '/models/tiny/model.onnx',
      bytes: 2e6,
      sha256: 'abc',
      about: {version: '1', task: 'tests', license: 'MIT', source: 'pkg:pypi/tiny', homepage: null},
      state: [{output: 'stateN', input: 'state'}],
      tensors: {
        inputs: [{name: 'x', datatype: 'FP32', shape: [-1, 576]}],
        outputs: [{name: 'y', datatype: 'INT64', shape: []}],
      },
      unreadable: null,
    })
    expect(text).to.contain('tiny 1 · tests · MIT')
    expect(text).to.match(/│ input +│ x +│ FP32 +│ \[\?, 576\] │/)
    expect(text).to.match(/│ output │ y +│ INT64 +│ \[\] +│/)
    expect(text).to.contain('stateN → state').and.to.contain('/models/tiny/model.onnx (2.0 MB)')
  })

  it('say why tensors are unknown, and what to do', () => {
    const unreadable = {message: 'no runtime', suggestions: ['npubridge setup']}
    const rest = {name: 'x', path: '/x', bytes: 1, sha256: '', about: null, state: [], tensors: null}
    expect(renderModel({...rest, unreadable})).to.contain('unknown: no runtime\n  Try: npubridge setup')
  })

  it('are told apart after a pull', () => {
    const text = renderPulled([
      {name: 'a', file: '/a', outcome: 'pulled'},
      {name: 'b', file: '/b', outcome: 'unchanged'},
    ])
    expect(text).to.contain('✔ a: /a\n').and.to.contain('✔ b was here already: /b')
  })
})
