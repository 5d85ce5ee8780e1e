import {expect} from 'chai'

import {parseAddress} from '../../../../src/core/cluster/redis/address.ts'
import {PoolClock} from '../../../../src/core/cluster/redis/clock.ts'
import {thrownBy} from '../../../support/failure.ts'

describe('the address of a Redis server', () => {
  it('is a URL, with what it says and no more', () => {
    expect(parseAddress('redis://example:7000/2').options).to.deep.equal({db: 2, host: 'example', port: 7000})
    expect(parseAddress('redis://[::1]').options).to.deep.equal({db: 0, host: '::1', port: 6379})
    expect(parseAddress('unix:///run/redis.sock').options).to.deep.equal({path: '/run/redis.sock'})
  })

  it('has an ACL user, TLS, and shows no password', () => {
    const {options, shown} = parseAddress('rediss://npu:s%40cret@example:6380?servername=queue.example')
    expect(options).to.deep.include({password: 's@cret', tls: {servername: 'queue.example'}, username: 'npu'})
    expect(shown).to.equal('rediss://npu:***@example:6380')
  })

  it('that is wrong is refused, without its password', () => {
    for (const url of ['http://x', 'localhost:6379', 'redis//user:geheim@x', '']) {
      const error = thrownBy(() => parseAddress(url))
      expect(error.code).to.equal('INVALID_ARGUMENT')
      expect(error.message).to.contain('is not the URL of a Redis server').and.not.contain('geheim')
    }

    expect(thrownBy(() => parseAddress('redis://x/first')).message).to.contain('"first"')
    expect(thrownBy(() => parseAddress('rediss://x?ca=/nowhere/ca.pem')).message).to.contain(
      '/nowhere/ca.pem, cannot be read',
    )
  })
})

describe('the clock of a pool', () => {
  it('is that of Redis, whatever this host believes', async () => {
    let now = 5000
    const clock = new PoolClock(() => now)
    const time = async (): Promise<[number, number]> => {
      // Ten milliseconds there, ten back.
      now += 20
      return [1_700_000_000, 500_000]
    }

    await clock.synchronize({time})
    expect(clock.now()).to.equal(1_700_000_000_510)
    expect(clock.uncertaintyMs).to.equal(10)
    now += 90
    expect(clock.now()).to.equal(1_700_000_000_600)
  })
})
