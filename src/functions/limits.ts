import { fail } from '../http/errors.ts'

/** What there may be at most. Where the real platform publishes a number, it is that one; else one that nobody meets. */
const LIMITS = {
  services: [500, 'services in an account'],
  environments: [25, 'environments in a service'],
  variables: [500, 'variables in an environment'],
  functions: [1_000, 'functions in a service'],
  assets: [5_000, 'assets in a service'],
  buildsAnHour: [100, 'builds of an account in an hour'],
  functionVersions: [50, 'functions in a build'],
  openAssetVersions: [1_000, 'public and protected assets in a build'],
  privateAssetVersions: [50, 'private assets in a build'],
  dependencies: [200, 'dependencies in a build'],
} as const satisfies Record<string, readonly [most: number, of: string]>

/** Throws 20001 where there would be more. */
export function checkLimit(name: keyof typeof LIMITS, count: number): void {
  const [most, of] = LIMITS[name]
  if (count > most) throw fail.invalidRequest(`There may be at most ${most} ${of}`)
}

/** In characters. */
export const MAX_FRIENDLY_NAME = 255
export const MAX_SERVICE_NAME = 50
export const MAX_ENVIRONMENT_NAME = 100
export const MAX_DOMAIN_SUFFIX = 16
export const MAX_VARIABLE_KEY = 128
export const MAX_PATH = 255

export const MAX_VARIABLE_BYTES = 450
export const MAX_FUNCTION_BYTES = 1024 * 1024
export const MAX_ASSET_BYTES = 25 * 1024 * 1024

/** Of what no build holds. */
export const VERSION_DAYS = 7
