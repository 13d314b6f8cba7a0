// For tsconfig.core.json only: what the adapters import, without types.
declare module 'node:*';
