// h5web in the page of a run: the server's own /api/h5 routes with the session's cookie, so the reader sees what the page may show and no more.
import "./viewer.css";
import "@h5web/app/styles.css";
import { App, createBasicFetcher, H5GroveProvider } from "@h5web/app";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

const LOOK_AGAIN = 4000; // milliseconds between two looks at a file that is still being written
const fetcher = createBasicFetcher({ credentials: "same-origin" });

function Viewer({ url, file, path, growing, words }) {
  const grown = useGrowth(url, file, path, growing);
  const [shown, setShown] = useState(0);
  const [held, setHeld] = useState(false); // the reader has chosen something: it is not moved from under their hands
  useEffect(() => {
    if (!held) setShown(grown);
  }, [grown, held]);
  return (
    <div className="grows" onPointerDownCapture={() => setHeld(true)} onKeyDownCapture={() => setHeld(true)}>
      {shown !== grown && (
        <button type="button" className="grown" onClick={() => setShown(grown)}>
          {words.grown}
        </button>
      )}
      <H5GroveProvider
        key={`${file} ${shown}`}
        url={url}
        filepath={file}
        fetcher={fetcher}
        getExportURL={(format, dataset, selection) => exported(url, file, format, dataset, selection)}
      >
        <App initialPath={path} sidebarOpen={window.innerWidth > 860} propagateErrors={false} />
      </H5GroveProvider>
    </div>
  );
}

// How often the file has grown since it was opened, by what the shown group says of its arrays.
function useGrowth(url, file, path, growing) {
  const [times, setTimes] = useState(0);
  useEffect(() => {
    if (!growing) return undefined;
    let before = null;
    const look = async () => {
      if (document.hidden) return;
      const answer = await fetch(`${url}/meta?${new URLSearchParams({ file, path: path || "/" })}`);
      if (!answer.ok) return;
      const said = await answer.text();
      if (before !== null && said !== before) setTimes((count) => count + 1);
      before = said;
    };
    look();
    const timer = setInterval(look, LOOK_AGAIN);
    return () => clearInterval(timer);
  }, [url, file, path, growing]);
  return times;
}

function exported(url, file, format, dataset, selection) {
  if (!["csv", "npy", "tiff", "json"].includes(format)) return undefined;
  const query = new URLSearchParams({ file, path: dataset.path, format });
  if (selection) query.set("selection", selection);
  return new URL(`${url}/export?${query}`, location.href);
}

export function open(place, setting) {
  const root = createRoot(place);
  root.render(<Viewer {...setting} />);
  return (changed) => root.render(<Viewer {...setting} {...changed} />);
}
