/** The nodes of a pool as those who watch a server are told of them. */
import type {LiveNode} from '../../dashboard/nodes.ts'
import type {Announcement} from './announcement.ts'

export function liveNodes(nodes: readonly Announcement[]): LiveNode[] {
  return nodes.map(
    ({
      agents,
      capacity,
      devices,
      done,
      engine,
      failed,
      host,
      models,
      name,
      p99Us,
      recovered,
      running,
      state,
      version,
    }) => ({
      name,
      host,
      version,
      engine,
      state,
      devices: devices.map(({name: device, powerWatts, temperatureCelsius, thermal}) => ({
        name: device,
        thermal,
        temperatureCelsius,
        powerWatts,
      })),
      models: [...models],
      agents: [...agents],
      running,
      capacity,
      done,
      failed,
      recovered,
      p99Us,
    }),
  )
}
