import {expect} from 'chai'
import fc from 'fast-check'
import {Buffer} from 'node:buffer'
import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'

import {LineSplitter} from '../../../src/core/run/lines.ts'

/** All lines of `chunks` as `number:text`, with `!` for one that is too long. */
function split(chunks: ReadonlyArray<string | Uint8Array>, limit?: number): string[] {
  const splitter = new LineSplitter(limit)
  const seen: string[] = []
  const note = (lines: ReturnType<LineSplitter['push']>) => {
    for (const {bytes, number, tooLong} of lines) seen.push(`${number}:${tooLong ? '!' : bytes.toString()}`)
  }

  for (const chunk of chunks) note(splitter.push(Buffer.from(chunk as string)))
  note(splitter.end())
  return seen
}

/** Bytes of buffers that something still holds. */
function arrayBuffers(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().arrayBuffers
}

describe('LineSplitter', () => {
  it('numbers lines from 1 and takes a last one without a line feed', () => {
    expect(split(['a\nb\nc'])).to.deep.equal(['1:a', '2:b', '3:c'])
  })

  it('joins a line that comes in many chunks', () => {
    expect(split(['a', 'b', 'c\nd', 'e', '\n'])).to.deep.equal(['1:abc', '2:de'])
  })

  it('takes CRLF for a line end, also when a chunk ends in between', () => {
    expect(split(['a\r\nb\r', '\nc\r'])).to.deep.equal(['1:a', '2:b', '3:c'])
  })

  it('leaves blank lines out but counts them', () => {
    expect(split(['\n  \t\na\n\r\n\nb\n'])).to.deep.equal(['3:a', '6:b'])
  })

  it('drops a byte order mark at the start, and only there', () => {
    expect(split(['\u{FEFF}a\n\u{FEFF}b'])).to.deep.equal(['1:a', '2:\u{FEFF}b'])
    expect(split([[0xef], [0xbb], [0xbf, 0x61]].map((bytes) => Uint8Array.from(bytes)))).to.deep.equal(['1:a'])
  })

  it('tells of a line that is longer than the limit and goes on behind it', () => {
    expect(split(['a\n', 'bbbb', 'bbbb', 'bbb\ncc\n'], 5)).to.deep.equal(['1:a', '2:!', '3:cc'])
    expect(split(['aaaaaa\nb\n'], 5)).to.deep.equal(['1:!', '2:b'])
    expect(split(['aaaaaaaaaaaaa'], 5)).to.deep.equal(['1:!'])
  })

  it('takes a line of exactly the limit, whatever its line end', () => {
    expect(split(['aaaaa\r\nb'], 5)).to.deep.equal(['1:aaaaa', '2:b'])
    expect(split(['\u{FEFF}aaaaa', '\r', '\n'], 5)).to.deep.equal(['1:aaaaa'])
  })

  it('does not keep what it skips', () => {
    const splitter = new LineSplitter(1024)
    const chunk = Buffer.alloc(1024 * 1024, 'x')
    const before = arrayBuffers()
    for (let i = 0; i < 200; i++) splitter.push(Buffer.from(chunk))
    expect(arrayBuffers() - before).to.be.below(10 * 1024 * 1024)
    expect(splitter.push(Buffer.from('\nb\n')).map(({number, tooLong}) => [number, tooLong])).to.deep.equal([
      [1, true],
      [2, false],
    ])
  })

  it('gives the same lines however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[ab \r]{0,6}$/)), fc.array(fc.nat({max: 30})), (lines, cuts) => {
        const text = lines.join('\n')
        const chunks: string[] = []
        let from = 0
        for (const cut of cuts) {
          chunks.push(text.slice(from, from + cut))
          from += cut
        }

        chunks.push(text.slice(from))
        expect(split(chunks)).to.deep.equal(split([text]))
      }),
    )
  })
})
