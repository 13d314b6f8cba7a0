/** True for the module that the runtime was started with; a standard of WinterTC that no library file has yet. */
interface ImportMeta {
  readonly main: boolean;
}
