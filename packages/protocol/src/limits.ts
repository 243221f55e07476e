/**
 * The limits both sides know. The unit stands last in each name; text is measured in bytes of UTF-8.
 */
export const LIMITS = {
  /** Room, user and client ids. */
  idBytesMax: 128,
  /** The text of one message. */
  textBytesMax: 8_192,
  /** The name of a room or a user. */
  nameBytesMax: 256,
  /** One frame or one HTTP body; a longer frame closes the socket with 1009. */
  frameBytesMax: 65_536,
  tokenBytesMax: 16_384,
  /** A page of a timeline. */
  pageEntriesDefault: 50,
  pageEntriesMax: 200,
  /** Positions one `authenticate` may name; further rooms are resumed with `subscribe`. */
  resumeRoomsMax: 200,
  /** Entries replayed to a room that resumes; what is older is one `gap`. */
  resumeEntriesMax: 1_000,
  /** Members one command may name. */
  membersPerCommandMax: 100,
  membersPerRoomMax: 10_000,
  searchHitsDefault: 20,
  searchHitsMax: 100,
} as const
