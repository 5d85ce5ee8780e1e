import {type Check, fail, NPU_IN_SIGHT, pass} from './check.ts'
import {installDriver} from './remedies.ts'

export const driverInSnap: Check = {
  id: 'driver-in-snap',
  title: 'The user-mode driver is not hidden in a snap',
  explanation:
    'The snap intel-npu-driver serves other snaps only: a program outside of snaps, such as this one, does not see the driver in it.',
  needs: [...NPU_IN_SIGHT],
  detect: ({levelZero: {driver, snapDrivers, staleDriver}}) =>
    !driver && !staleDriver && snapDrivers.length > 0
      ? fail('The NPU driver is inside a snap, where only snaps see it.', ...snapDrivers)
      : pass(snapDrivers.length > 0 ? 'one is in a snap, and one outside' : 'none is in a snap'),
  remedy: (distribution) => [
    ...installDriver(distribution),
    'or, for a program in a snap: sudo snap connect <snap>:npu-libs intel-npu-driver:npu-libs',
  ],
  source: 'https://github.com/canonical/intel-npu-driver-snap',
}
