import {expect} from 'chai'

import {installHints, pythonCommands} from '../../../src/core/engine/python.ts'

const linux = (osRelease: string) => ({platform: 'linux' as const, osRelease})

describe('python', () => {
  describe('pythonCommands', () => {
    it('tries only the one that NPUBRIDGE_PYTHON names', () => {
      expect(pythonCommands({NPUBRIDGE_PYTHON: '/opt/python'})).to.deep.equal(['/opt/python'])
    })

    it('tries python3 before python, and the other way round on Windows', () => {
      expect(pythonCommands({}, 'linux')).to.deep.equal(['python3', 'python'])
      expect(pythonCommands({}, 'win32')).to.deep.equal(['python', 'python3'])
    })
  })

  describe('installHints', () => {
    const distributions: Array<[string, string, string]> = [
      ['Ubuntu', 'ID=ubuntu\nID_LIKE=debian\n', 'sudo apt-get install python3'],
      ['Debian', 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n', 'sudo apt-get install python3'],
      ['Linux Mint by its likeness', 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'sudo apt-get install python3'],
      ['Fedora', 'ID=fedora\n', 'sudo dnf install python3'],
      ['Rocky by its likeness', 'ID="rocky"\nID_LIKE="rhel centos fedora"\n', 'sudo dnf install python3'],
      ['openSUSE Leap', 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', 'sudo zypper install python3'],
      ['Arch', 'ID=arch\n', 'sudo pacman -S python'],
      ['Alpine', 'ID=alpine\n', 'sudo apk add python3'],
    ]
    for (const [name, osRelease, command] of distributions) {
      it(`knows the packages of ${name}`, () => {
        expect(installHints('python', undefined, linux(osRelease))).to.deep.equal([command])
      })
    }

    it('says what to look for where it does not know the distribution', () => {
      expect(installHints('python', undefined, linux('ID=unheard-of\n'))).to.deep.equal([
        "Install Python 3.10 or newer with this system's package manager.",
      ])
    })

    it('offers the package of the distribution only for its own Python', () => {
      expect(installHints('numpy', '/usr/bin/python3', linux('ID=debian\n'))).to.deep.equal([
        'sudo apt-get install python3-numpy',
        '/usr/bin/python3 -m pip install numpy',
      ])
      expect(installHints('numpy', '/opt/python3', linux('ID=debian\n'))).to.deep.equal([
        '/opt/python3 -m pip install numpy',
      ])
    })

    it('knows macOS and Windows', () => {
      expect(installHints('python', undefined, {platform: 'darwin'})).to.deep.equal(['brew install python'])
      expect(installHints('python', undefined, {platform: 'win32'})[0]).to.match(/^winget install /)
    })
  })
})
