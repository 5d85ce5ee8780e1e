/** Commands that install the parts of an NPU stack, by distribution. */
import type {Distribution} from '../inventory/host.ts'

type Commands = Readonly<Record<Distribution, readonly string[]>>

const DRIVER_RELEASES = 'https://github.com/intel/linux-npu-driver/releases'
const LOADER_RELEASES = 'https://github.com/oneapi-src/level-zero/releases'
const NIXOS = ['set hardware.cpu.intel.npu.enable = true; and run: sudo nixos-rebuild switch']

const FIRMWARE: Commands = {
  arch: ['sudo pacman -S linux-firmware', 'sudo mkinitcpio -P'],
  debian: [
    'sudo apt install linux-firmware   (Debian: firmware-misc-nonfree), or intel-fw-npu from ' + DRIVER_RELEASES,
    'sudo update-initramfs -u',
  ],
  fedora: ['sudo dnf upgrade linux-firmware', 'sudo dracut --force'],
  nixos: [...NIXOS],
  other: [`install intel-fw-npu from ${DRIVER_RELEASES} and make the initramfs again`],
}

const LOADER: Commands = {
  arch: ['sudo pacman -S level-zero-loader'],
  debian: [`sudo apt install libze1, if it is 1.18.5 or newer; else install level-zero from ${LOADER_RELEASES}`],
  fedora: ['sudo dnf install oneapi-level-zero'],
  nixos: [...NIXOS],
  other: [`install level-zero from ${LOADER_RELEASES}`],
}

const DRIVER: Commands = {
  arch: ['sudo pacman -S intel-npu-driver'],
  debian: [`install intel-level-zero-npu from ${DRIVER_RELEASES}: sudo apt install ./intel-level-zero-npu_*.deb`],
  fedora: ['sudo dnf install intel-npu-driver'],
  nixos: [...NIXOS],
  other: [`install intel-level-zero-npu from ${DRIVER_RELEASES}`],
}

const COMPILER: Commands = {
  arch: ['sudo pacman -S intel-npu-compiler'],
  debian: [
    `install intel-driver-compiler-npu from ${DRIVER_RELEASES}: sudo apt install ./intel-driver-compiler-npu_*.deb`,
  ],
  fedora: [`install libnpu_driver_compiler.so of ${DRIVER_RELEASES} beside the driver`],
  nixos: [...NIXOS],
  other: [`install intel-driver-compiler-npu from ${DRIVER_RELEASES}`],
}

const KERNEL: Commands = {
  arch: ['sudo pacman -Syu linux'],
  debian: ['sudo apt install linux-generic-hwe-24.04   (Debian: linux-image-amd64 from backports)'],
  fedora: ['sudo dnf upgrade kernel'],
  nixos: ['set boot.kernelPackages = pkgs.linuxPackages_latest; and run: sudo nixos-rebuild boot'],
  other: ['install a newer kernel'],
}

export const RELOAD = 'sudo modprobe -r intel_vpu && sudo modprobe intel_vpu'

export function installFirmware(distribution: Distribution): readonly string[] {
  return [...FIRMWARE[distribution], RELOAD]
}

export function installLoader(distribution: Distribution): readonly string[] {
  return LOADER[distribution]
}

export function installDriver(distribution: Distribution): readonly string[] {
  return DRIVER[distribution]
}

export function installCompiler(distribution: Distribution): readonly string[] {
  return COMPILER[distribution]
}

export function upgradeKernel(distribution: Distribution): readonly string[] {
  return [...KERNEL[distribution], 'reboot']
}
