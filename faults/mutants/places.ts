// Where the tests stand that judge mutants.

const TESTS = 'packages/server/test'

export const WORKER_TESTS = `${TESTS}/worker/worker.test.ts`
export const LANE_TESTS = `${TESTS}/worker/lanes.test.ts`
export const ROOMS_TESTS = `${TESTS}/worker/rooms.test.ts`
export const ISOLATION_TESTS = `${TESTS}/worker/isolation.test.ts`
export const START_TESTS = `${TESTS}/worker/start.test.ts`
export const SCHEDULE_TESTS = `${TESTS}/worker/schedule.test.ts`
export const PREFIX_TESTS = `${TESTS}/core/prefix.test.ts`
export const INDEXER_TESTS = `${TESTS}/indexer/indexer.test.ts`
export const RETENTION_TESTS = `${TESTS}/core/retention.test.ts`
export const SEARCH_API_TESTS = `${TESTS}/api/search.test.ts`
export const SEARCH_CLUSTER_TESTS = `${TESTS}/conformance/opensearch-behaviour.test.ts`
export const ROLES_TESTS = `${TESTS}/engine/roles.test.ts`
export const ADAPTER_TESTS = `${TESTS}/conformance/adapters.test.ts`
export const SQLITE_TESTS = `${TESTS}/conformance/sqlite.test.ts`
export const SYNC_TESTS = `${TESTS}/counts/fsyncs.test.ts`
export const SENDING_TESTS = `${TESTS}/gateway/sending.test.ts`
export const APPENDER_TESTS = `${TESTS}/gateway/appender.test.ts`
export const SESSION_TESTS = `${TESTS}/gateway/sessions.test.ts`
export const ROOM_TESTS = `${TESTS}/gateway/rooms.test.ts`
export const LIFECYCLE_TESTS = `${TESTS}/lifecycle.test.ts`
export const STOP_TESTS = `${TESTS}/operation/stop.test.ts`
export const SIMULATION_TESTS = `${TESTS}/simulation/simulation.test.ts`
export const COMMAND_TESTS = 'packages/client/test/commands.test.ts'
export const SIMULATED_STORE_TESTS = `${TESTS}/simulation/store.test.ts`
export const CLIENT_ROOM_TESTS = 'packages/client/test/rooms.test.ts'
