import {expect} from 'chai'
import {execaSync} from 'execa'
import {randomBytes} from 'node:crypto'
import {mkdirSync, truncateSync} from 'node:fs'
import path from 'node:path'

import {IMAGE, runningMachine} from '../../../src/core/probe/machine.ts'
import {isValue, printable, type Reading, valueOf} from '../../../src/core/probe/reading.ts'
import {FolderRoot, LiveRoot} from '../../../src/core/probe/root.ts'
import {TemporaryFolder} from './folder.ts'

function unreadable(reading: Reading<unknown>): string {
  return isValue(reading) ? 'readable' : reading.unreadable
}

describe('roots', () => {
  describe('a folder as root', () => {
    it('resolves absolute links inside the root', () => {
      using folder = new TemporaryFolder()
      folder.file('target/secret', 'inside')
      folder.link('absolute', '/target/secret')
      expect(new FolderRoot(folder.path, IMAGE).text('/absolute')).to.deep.equal({value: 'inside'})
    })

    it('does not follow links that climb out of the root', () => {
      using outside = new TemporaryFolder()
      outside.file('secret', 'outside')
      mkdirSync(path.join(outside.path, 'root'))
      const root = new FolderRoot(path.join(outside.path, 'root'), IMAGE)
      execaSync('ln', ['-s', '../../../../../../../../../..' + outside.path + '/secret', `${root.folder}/climbing`])
      execaSync('ln', ['-s', '../secret', `${root.folder}/next-door`])
      execaSync('ln', ['-s', '..', `${root.folder}/up`])
      for (const file of ['/climbing', '/next-door', '/up/secret', '/../secret']) {
        expect(unreadable(root.text(file)), file).to.equal('absent')
        expect(unreadable(root.canonical(file)), file).to.equal('absent')
      }
    })

    it('tells a loop of links from an absent file', () => {
      using folder = new TemporaryFolder()
      folder.link('a', 'b')
      folder.link('b', '/a')
      const root = new FolderRoot(folder.path, IMAGE)
      expect(unreadable(root.text('/a'))).to.equal('broken')
      expect(unreadable(root.canonical('/a'))).to.equal('broken')
      expect(unreadable(root.text('/c'))).to.equal('absent')
      expect(root.link('/a')).to.deep.equal({value: 'b'})
    })

    it('never reads a file of 1 GiB whole', () => {
      using folder = new TemporaryFolder()
      truncateSync(folder.file('huge'), 1 << 30)
      const root = new FolderRoot(folder.path, IMAGE)
      const before = process.memoryUsage().rss
      expect(unreadable(root.text('/huge'))).to.equal('broken')
      expect(valueOf(root.bytes('/huge', 0, 16))).to.have.length(16)
      expect(process.memoryUsage().rss - before).to.be.below(64 << 20)
    })

    it('reads a file of exactly the limit, and none beyond', () => {
      using folder = new TemporaryFolder()
      folder.file('four', 'abcd')
      const root = new FolderRoot(folder.path, IMAGE)
      expect(root.text('/four', 4)).to.deep.equal({value: 'abcd'})
      expect(unreadable(root.text('/four', 3))).to.equal('broken')
    })

    it('reads from the end for a negative offset', () => {
      using folder = new TemporaryFolder()
      folder.file('log', 'first second')
      const root = new FolderRoot(folder.path, IMAGE)
      expect(valueOf(root.bytes('/log', -6, 100))?.toString()).to.equal('second')
      expect(valueOf(root.bytes('/log', -600, 5))?.toString()).to.equal('first')
    })

    it('does not wait for a pipe that nobody writes to, nor read a folder', () => {
      using folder = new TemporaryFolder()
      const inside = (name: string) => path.join(folder.path, name)
      execaSync('mkfifo', [inside('pipe')])
      mkdirSync(inside('folder'))
      const root = new FolderRoot(folder.path, IMAGE)
      expect(unreadable(root.text('/pipe'))).to.equal('broken')
      expect(unreadable(root.text('/folder'))).to.equal('broken')
      expect(valueOf(root.entry('/pipe'))?.kind).to.equal('other')
      expect(valueOf(root.entry('/folder'))?.kind).to.equal('folder')
    })

    it('gives binary rubbish as text that a terminal shows harmlessly', () => {
      using folder = new TemporaryFolder()
      folder.file('rubbish', randomBytes(4096))
      folder.file('escape', 'red\u{1B}[31m\u{202E}\u{0}\u{9B}2J\tend\n')
      const root = new FolderRoot(folder.path, IMAGE)
      expect(valueOf(root.text('/rubbish'))).to.match(/^[\t\n\P{Cc}]*$/u)
      expect(valueOf(root.text('/escape'))).to.equal('red\u{FFFD}[31m\u{FFFD}\u{FFFD}\u{FFFD}2J\tend\n')
      expect(printable('a\r\nb')).to.equal('a\nb')
    })

    it('cannot tell who may open a file', () => {
      using folder = new TemporaryFolder()
      folder.file('file')
      expect(unreadable(new FolderRoot(folder.path, IMAGE).access('/file'))).to.equal('broken')
    })

    it('reads the kernel log from the files of the system log', () => {
      using folder = new TemporaryFolder()
      const root = new FolderRoot(folder.path, IMAGE)
      expect(unreadable(root.kernelLog())).to.equal('absent')
      folder.file('var/log/kern.log', 'one\ntwo')
      expect(valueOf(root.kernelLog())).to.deep.equal(['one', 'two'])
    })
  })

  describe('the running machine as root', () => {
    it('tells device numbers and access', () => {
      const root = new LiveRoot()
      const entry = valueOf(root.entry('/dev/null'))
      expect(entry).to.include({device: '1:3', kind: 'character'})
      expect(root.access('/dev/null')).to.deep.equal({value: true})
      expect(unreadable(root.access('/dev/no-such-node'))).to.equal('absent')
      expect(root.live).to.equal(true)
    })

    it('reads files of /proc, whose size is said to be 0', function () {
      if (process.platform !== 'linux') this.skip()
      expect(valueOf(new LiveRoot().text('/proc/version'))).to.match(/^Linux version /)
    })

    it('keeps only the variables that drivers and runtimes obey', () => {
      const machine = runningMachine({HOME: '/root', LD_LIBRARY_PATH: '/x', PASSWORD: 'secret', ZE_AFFINITY_MASK: '0'})
      expect(machine.environment).to.deep.equal({LD_LIBRARY_PATH: '/x', ZE_AFFINITY_MASK: '0'})
    })
  })
})
