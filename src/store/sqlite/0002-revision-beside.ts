// SPDX-License-Identifier: Apache-2.0
/** What a revision changed beside the rules: settings and groups, so that taking it back is whole. */
export const sql = `
ALTER TABLE revisions ADD COLUMN beside TEXT;  -- JSON of Beside (configuration.ts); NULL where rules alone changed
`;
