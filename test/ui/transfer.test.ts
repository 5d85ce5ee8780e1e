import {expect} from 'chai'

import {renderTransfer} from '../../src/ui/transfer.ts'

describe('renderTransfer', () => {
  it('shows a bar, both sizes, the rate and the time left', () => {
    expect(renderTransfer(30e6, 60e6, 2)).to.equal('▕██████████          ▏ 30 MB of 60 MB · 15 MB/s · 2 s left')
  })

  it('claims no rate before there is one', () => {
    expect(renderTransfer(0, 60e6, 5)).to.equal('▕                    ▏ 0 B of 60 MB')
    expect(renderTransfer(1e6, 60e6, 0.1)).to.not.contain('/s')
  })

  it('survives an empty total', () => {
    expect(renderTransfer(0, 0, 0)).to.contain('0 B of 0 B')
  })
})
