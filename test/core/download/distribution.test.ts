import {expect} from 'chai'

import {installPythonHints} from '../../../src/core/download/distribution.ts'

const DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n'
const MINT = 'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n'
const FEDORA = 'NAME="Fedora Linux"\nID=fedora\n'
const ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'
const LEAP = 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n'
const ARCH = 'ID=arch\n'
const ALPINE = 'ID=alpine\n'

describe('hints to install Python', () => {
  for (const [name, osRelease, hint] of [
    ['Debian', DEBIAN, 'sudo apt-get install python3-pip'],
    ['Linux Mint', MINT, 'sudo apt-get install python3-pip'],
    ['Fedora', FEDORA, 'sudo dnf install python3-pip'],
    ['Rocky', ROCKY, 'sudo dnf install python3-pip'],
    ['openSUSE', LEAP, 'sudo zypper install python3-pip'],
    ['Arch', ARCH, 'sudo pacman -S python-pip'],
    ['Alpine', ALPINE, 'sudo apk add py3-pip'],
  ] as const) {
    it(`name the package of pip on ${name}`, () => {
      expect(installPythonHints('pip', 'linux', osRelease)[0]).to.equal(hint)
    })
  }

  it('name Python too where it is missing', () => {
    expect(installPythonHints('python', 'linux', DEBIAN)).to.deep.equal(['sudo apt-get install python3 python3-pip'])
  })

  it('mention on Debian that the venv package is enough', () => {
    expect(installPythonHints('pip', 'linux', DEBIAN)[1]).to.contain('python3-venv')
  })

  it('stay general on a system they do not know', () => {
    expect(installPythonHints('pip', 'linux', 'ID=plan9').join(' ')).to.contain('pip')
    expect(installPythonHints('python', 'linux', '').join(' ')).to.contain('Python 3')
  })

  it('know macOS and Windows', () => {
    expect(installPythonHints('pip', 'darwin', '')).to.deep.equal(['brew install python'])
    expect(installPythonHints('pip', 'win32', '')[0]).to.contain('winget')
  })
})
