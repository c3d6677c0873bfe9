/* publish.pml: the file lane under fcoord (design §7, Files), one lane.
   A attempts; each is a Main (coordinator, and the sealing half of the sink) and a Pub (the publishing half). Any may stop at any
   step for ever or wake later; a new attempt may start at any time. An epoch may expire once per attempt and is then part of the
   next. Segments of 1 or 2 records, written record by record; the part closes when the manifest says so. A consumer moves
   finished parts away. Default: --visible roll (one rename, when the part is closed and whole); -DCOMMIT: --visible commit (one
   rename, after the part's first segment; the consumer may take a part once the next one is there).
   Not modelled: fsync, disk errors, deleting segments and old manifests, several lanes, a real rewind.
   Checked: what is seen is always a prefix of what the chain of manifests says for that part (whole in roll mode), no hole, no
   byte of another attempt; a moved part never comes back; one place of the chain is completed once; the lane is longer than a
   manifest explains only if a newer manifest exists; at the end all that is complete is seen or moved.
   Protocol that passes: the hidden part is created while sealing (O_EXCL, name with attempt, before the ack), publishing never
   creates; the manifest names maker, part, offset, length, "closes", and how far the sink had published when it acked; a manifest
   is created exclusively under the name "parent's name + 1"; leftovers go only when a manifest of their epoch exists.
   Run: spin -a FLAGS publish.pml && gcc -O2 -DSAFETY -DVECTORSZ=4096 -o pan pan.c && ./pan -E -m2000000 -w26   (-E is needed)
   Showed (spin 6.5.2; states, exhaustive): A=2 C=3 T=3: passes, roll 4.8 M, commit 3.5 M, 6 s each. A=3 C=2 T=2: passed
   (50 M each, 100 s) before the checks "part before" and "a name that is gone is published" were added; with them no run ended in 130 s on a busy machine.
   Negative controls, each fails at A=2 in both modes unless said:
     -DCREAT      publishing opens with O_CREAT: a moved part comes back
     -DCREAT0     O_CREAT only at offset 0: the same, and no zombie is needed (publish, move away, crash, restart)
     -DCLEANALL   a new attempt deletes all that older ones left: a slow coordinator then completes an epoch whose part is gone: lost
     -DBYNUMBER   manifests are exclusive by epoch number, expired numbers are skipped: two attempts complete 1 and 2 from the same parent
     -DNOPEND     only the newest epoch is republished at a restart: a hole
     -DAPPEND     write at the end, not at the committed length: doubled
     -DROLLLATE   (roll mode) the sink decides to roll when it publishes: a part is shown that the manifest calls open
     -DREFUSE     a lane longer than the restored manifest is taken for a rewind: false alarm when an older attempt completes late
*/
#ifndef A
#define A 2                 /* attempts; the last one is not killed */
#endif
#ifndef C
#define C 3                 /* highest manifest name */
#endif
#ifndef T
#define T 3                 /* records */
#endif
#define K 5                 /* inodes */
#if defined(CREAT) || defined(CREAT0)
#define HN(p,a) ((p)*A)     /* hidden name without attempt */
#else
#define HN(p,a) ((p)*A+(a))
#endif
/* the store: manifest e: attempt, first record, length, part, offset, closes, published when sealed, maker of the hidden name */
bool done[C+2]; byte ma[C+2], ms[C+2], ml[C+2], mp[C+2], mo[C+2], mk[C+2], mh[C+2]; bool mc[C+2];
byte newest;
/* the output directory */
byte hid[T*A], hs[T*A], vis[T]; bool mvd[T]; byte ni, fd[K*T], fl[K];
/* what is right: the chain, part by part */
byte gt[T*T], gl[T]; bool gc[T];
byte from[A], known[A], pubd[A]; bool up[A], fenced[A];
byte z;
inline chk(q, n) { d_step { z=0;            /* inode n is what a reader sees as part q */
  assert(fl[n]<=gl[q]);
  if :: (q)>0 -> assert(vis[(q)-1] || mvd[(q)-1]) :: else fi;
  do :: z<fl[n] -> assert(fd[(n)*T+z]==gt[(q)*T+z]); z++ :: else -> break od; z=0;
#ifndef COMMIT
  assert(gc[q] && fl[n]==gl[q])
#endif
  } }
#ifdef CLEANALL
#define OLD(q) (q%A<a)       /* whatever an older attempt left */
#else
#define OLD(q) (hs[q]<e)    /* sealed for a manifest that exists by now */
#endif
#define DIE :: a<A-1 -> goto dead
proctype Main(byte a) {                     /* coordinator and sealing half of the sink */
  byte e, p, off, idx, ln, q, hm, ab; bool cl, mk_;
  atomic { e=newest;
    if :: e>0 -> idx=ms[e]+ml[e]; p=mp[e]; hm=mh[e]; off=mo[e]+ml[e]; mk_=1; if :: mc[e] -> p++; off=0; mk_=0 :: else fi;
#ifdef NOPEND
          from[a]=e-1
#else
          from[a]=mk[e]
#endif
       :: else fi;
    known[a]=e; pubd[a]=from[a]; up[a]=1; e++ };
  if DIE :: atomic {                        /* the lane is longer than manifest e-1 explains: only if the chain has moved */
    q=0; if :: p<T && vis[p] -> q=vis[p] :: else -> if :: p<T && mk_ && hid[HN(p,hm)] -> q=hid[HN(p,hm)] :: else fi fi;
    if :: q && fl[q-1]>off ->
#ifdef REFUSE
       assert(0)
#else
       assert(newest>=e)
#endif
       :: else fi; q=0 } fi;
  if DIE :: atomic { q=0;                   /* leftovers */
    do :: q<T*A ->
          if :: hid[q] && q%A!=a && OLD(q) -> ln=1; cl=0;
                do :: ln<e -> if :: done[ln] && HN(mp[ln],mh[ln])==q -> cl=1 :: else fi; ln++ :: else -> break od;
                if :: !cl -> hid[q]=0 :: else fi; ln=0; cl=0
             :: else fi; q++
       :: else -> break od; q=0 } fi;
  do
  DIE
  :: atomic { idx>=T || e>C -> goto dead }
  :: atomic { idx<T && e<=C -> if :: ln=1 :: idx+2<=T -> ln=2 fi; if :: cl=0 :: cl=1 fi; if :: idx+ln==T -> cl=1 :: else fi };
#if !defined(CREAT) && !defined(CREAT0)
     if :: !mk_ -> atomic { assert(!hid[HN(p,a)]); fl[ni]=0; ni++; hid[HN(p,a)]=ni; hs[HN(p,a)]=e; hm=a; mk_=1 } :: else fi;
#endif
     q=pubd[a];                             /* sealed; what the sink knows as published goes into its ack */
     if
     DIE
     :: atomic { done[e] -> fenced[a]=1; goto dead }
     :: atomic { !done[e] -> done[e]=1; ma[e]=a; ms[e]=idx; ml[e]=ln; mp[e]=p; mo[e]=off; mc[e]=cl; mk[e]=q; mh[e]=hm;
          if :: e>newest -> newest=e :: else fi; q=0;
          do :: q<ln -> assert(gt[p*T+off+q]==0); gt[p*T+off+q]=1+(idx+q)*4+a; q++ :: else -> break od; q=0;
          gl[p]=off+ln; gc[p]=cl; known[a]=e; idx=idx+ln; off=off+ln; e++; ln=0;
          if :: cl -> p++; off=0; mk_=0; hm=0 :: else fi; cl=0 }
     :: atomic { ab<1 && a<A-1 -> ab++; q=0; ln=0; cl=0;   /* expired: part of the next one */
#ifdef BYNUMBER
          e++
#endif
        }
     fi
  od;
dead: atomic { e=0; p=0; off=0; idx=0; ln=0; q=0; hm=0; ab=0; cl=0; mk_=0 }
}
proctype Pub(byte a) {                      /* publishing half of the sink */
  byte i, n, j;
  atomic { up[a] -> i=from[a]+1 };
  do
  DIE
  :: atomic { i<=known[a] && !done[i] -> i++ }
  :: atomic { i<=known[a] && done[i] ->     /* open */
       if :: hid[HN(mp[i],mh[i])] -> n=hid[HN(mp[i],mh[i])]
          :: else -> if :: vis[mp[i]] -> n=vis[mp[i]]
             :: else -> n=0;
#if defined(CREAT) || defined(CREAT0)
#ifdef CREAT0
                if :: mo[i]==0 -> fl[ni]=0; ni++; n=ni; hid[HN(mp[i],0)]=n :: else fi
#else
                fl[ni]=0; ni++; n=ni; hid[HN(mp[i],0)]=n
#endif
#else
                assert(mvd[mp[i]])              /* a name that is gone is published */
#endif
             fi fi; j=0 };
     do
     DIE
     :: atomic { n && j<ml[i] ->
#ifdef APPEND
          fd[(n-1)*T+fl[n-1]]=1+(ms[i]+j)*4+ma[i]; fl[n-1]++;
#else
          assert(mo[i]+j<=fl[n-1]);         /* no hole */
          fd[(n-1)*T+mo[i]+j]=1+(ms[i]+j)*4+ma[i];
          if :: mo[i]+j==fl[n-1] -> fl[n-1]++ :: else fi;
#endif
          j++; if :: vis[mp[i]]==n -> chk(mp[i],n-1) :: else fi }
     :: atomic { n==0 || j==ml[i] -> break }
     od;
     if
     DIE
     :: atomic {                            /* show: rename without replacing; the name being gone is no error */
#ifdef COMMIT
          if :: n && mo[i]==0 && hid[HN(mp[i],mh[i])] ->
#else
#ifdef ROLLLATE
          if :: n && hid[HN(mp[i],mh[i])] ->
#else
          if :: n && mc[i] && hid[HN(mp[i],mh[i])] ->
#endif
#endif
                assert(!mvd[mp[i]] && !vis[mp[i]]);     /* never re-created */
                vis[mp[i]]=hid[HN(mp[i],mh[i])]; hid[HN(mp[i],mh[i])]=0; chk(mp[i],vis[mp[i]]-1)
             :: else fi;
          pubd[a]=i; i++; n=0; j=0 }
     fi
  od;
dead: atomic { i=0; n=0; j=0 }
}
#ifdef COMMIT
#define MAY(q) (q<T-1 && (vis[(q)+1] || mvd[(q)+1]))    /* a part is finished when the next one is there */
#else
#define MAY(q) 1
#endif
init {
  byte a, q;
  do
  :: atomic { a<A -> run Main(a); run Pub(a); a++ }
  :: atomic { vis[0] && MAY(0) -> assert(gc[0] && fl[vis[0]-1]==gl[0]); mvd[0]=1; vis[0]=0 }    /* the consumer */
  :: atomic { vis[1] && MAY(1) -> assert(gc[1] && fl[vis[1]-1]==gl[1]); mvd[1]=1; vis[1]=0 }
  :: timeout -> break
  od;
  if :: fenced[A-1] :: else ->
     do :: q<T && gl[q]>0 -> 
           if :: mvd[q] :: vis[q] -> assert(fl[vis[q]-1]==gl[q])
              :: else ->
#ifdef COMMIT
                 assert(0)
#else
                 assert(!gc[q])
#endif
           fi; q++
        :: else -> break od fi
}
