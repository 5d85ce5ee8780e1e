import {execFileSync} from 'node:child_process'

/**
 * Runs `work` while a file system in memory is mounted at `folder`. Skips the test of `context` where this user may not
 * mount. Options are those of mount(8), e.g. `size=1m` or `ro`.
 */
export async function onTmpfs(
  folder: string,
  options: string,
  context: Mocha.Context,
  work: () => Promise<void>,
): Promise<void> {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], {stdio: 'ignore'})
  } catch {
    context.skip()
  }

  try {
    await work()
  } finally {
    execFileSync('umount', [folder])
  }
}
