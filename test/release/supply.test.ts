import {expect} from 'chai'

import {allowedLicences, isAllowed, npmComponents} from '../../scripts/supply/components.ts'

describe('licences', () => {
  const allowed = new Set(['Apache-2.0', 'ISC', 'MIT'])

  it('are met by all parts of AND and by one of OR, however they are nested', () => {
    for (const expression of ['MIT', 'MIT OR GPL-3.0', 'MIT/Apache-2.0', '(GPL-3.0 OR MIT) AND ISC', '((MIT))'])
      expect(isAllowed(expression, allowed), expression).to.equal(true)
    for (const expression of ['GPL-3.0', 'MIT AND GPL-3.0', '(GPL-3.0 OR AGPL-3.0) AND MIT', '', 'mit'])
      expect(isAllowed(expression, allowed), expression).to.equal(false)
  })

  it('of all npm packages that are shipped are those of native/deny.toml', () => {
    const components = npmComponents()
    expect(components.map(({name}) => name))
      .to.include.members(['@oclif/core', 'zod'])
      .and.not.include('mocha')
    const refused = components.filter(({licence}) => licence === null || !isAllowed(licence, allowedLicences()))
    expect(refused).to.deep.equal([])
  })
})
