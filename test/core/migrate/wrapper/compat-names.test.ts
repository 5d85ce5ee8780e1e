import {expect} from 'chai'

import {COMPAT_NAMES, WRAPPER_NAMES} from '../../../../src/core/migrate/wrapper/compat-names.ts'
import {python, withNpubridge} from '../workspace.ts'

describe('the names of npubridge.compat', () => {
  it('are those that the package really has', () => {
    const code =
      'import json, npubridge.compat as c; print(json.dumps([c.__all__, [hasattr(c, n) for n in c.__all__]]))'
    const {stdout, stderr} = python('.', ['-c', code], withNpubridge())
    expect(stdout, stderr).not.to.equal('')
    const [names, areThere] = JSON.parse(stdout) as [string[], boolean[]]
    expect([...COMPAT_NAMES]).to.have.members(names)
    expect(areThere).not.to.include(false)
    expect([...COMPAT_NAMES]).to.include.members([...WRAPPER_NAMES])
  })
})
