/** What only the tests need of a Linux system: Valgrind for the memory test, and Chromium to open the page of bench. */
import {execFileSync} from 'node:child_process'

const root = process.getuid?.() === 0 ? [] : ['sudo']
const packages = ['build-essential', 'chromium', 'valgrind']
for (const args of [['update'], ['install', '--yes', '--no-install-recommends', ...packages]]) {
  const [command, ...rest] = [...root, 'apt-get', ...args]
  execFileSync(command!, rest, {stdio: 'inherit', env: {...process.env, DEBIAN_FRONTEND: 'noninteractive'}})
}
