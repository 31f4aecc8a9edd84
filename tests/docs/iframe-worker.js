// Browsers start no worker from a folder (file:), and the search of the manual runs in one. There it
// gets a hidden frame, which has a global scope of its own too. The theme would fetch such a
// stand-in from another host.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    #frame = document.createElement("iframe");
    #loaded;

    constructor(url) {
      super();
      this.#frame.hidden = true;
      document.body.append(this.#frame);
      const scope = this.#frame.contentWindow;
      scope.postMessage = (data) =>
        this.dispatchEvent(new MessageEvent("message", { data: structuredClone(data) }));
      const script = scope.document.createElement("script");
      this.#loaded = new Promise((load, fail) => {
        script.onload = load;
        script.onerror = () => fail(new Error(`${url} cannot be read`));
      });
      script.src = url;
      scope.document.body.append(script);
    }

    async postMessage(data) {
      await this.#loaded;
      const scope = this.#frame.contentWindow;
      scope.dispatchEvent(new scope.MessageEvent("message", { data: structuredClone(data) }));
    }

    terminate() {
      this.#frame.remove();
    }
  };
}
