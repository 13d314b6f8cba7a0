/** Tells of each module that the process loads; for `node --import`. */

import { registerHooks } from 'node:module';

registerHooks({
  load(url, context, next) {
    console.log(`loads ${url}`);
    return next(url, context);
  },
});
