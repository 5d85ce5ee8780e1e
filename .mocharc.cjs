// With NPUBRIDGE_REQUIRE_ALL=1 a skipped test is a failed one: a test that cannot find what it needs must not pass
// unnoticed where everything is meant to be present.
module.exports = {
  require: ['test/setup.ts'],
  timeout: 60_000,
  forbidOnly: true,
  forbidPending: process.env.NPUBRIDGE_REQUIRE_ALL === '1',
}
