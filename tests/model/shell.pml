/* shell.pml: exactly-once in a plain shell (fsemantics(7); lib/op/shell.c, lib/sup, cmd/fsink/host.c).
   R runs of the same line, begun when they like: S sources -> one keyed stage (aligns when S=2) -> fsink with one file lane, which
   is two processes: Coord, the coordinator, holds the lock; Writer, its child, seals and publishes.  Stages join, are restored with
   what START names, begin at GO; barriers flow at once, an ack follows when the snapshot is durable; all acks -> manifest,
   exclusively in its place -> COMPLETE -> publication, record by record -> PUBLISHED.  Sources at their end stay, then FINAL; a run
   may be stopped (STOP) before.  A run that finds a FINAL manifest goes through the same once more and puts nothing out.
   A coordinator that finds the lock taken gives up; any but the last may die at each step, which frees the lock and nothing else:
   a writer goes on publishing what it was told of, for ever or for a while, beside new runs.  A stage that is killed or stopped is
   one that takes no step; its coordinator then dies or waits.  The last run is not killed ("run it again").
   Not modelled: fsync; expired checkpoints (barrier.pml); parts that are renamed and moved away (publish.pml); --late lanes; the
   agent between coordinator and stages (it only passes on what they say); a changed input; statuses; 10 s without a coordinator;
   what flows from stage to stage after the death of the coordinator (it could reach only logs that nobody will name).
   Checked: bytes in the lane never change and have no hole; every record once, in order per source, with the right keyed count; a
   log that the manifest names is there and never changes; a barrier's number is what the receiver expects; the lane is never
   longer than what a run restores explains; exit 0 only with the whole output; when nobody can move, the last run has ended well.
   Run: spin -a FLAGS shell.pml && gcc -O2 -DSAFETY -DVECTORSZ=4096 -o pan pan.c && ./pan -E -m2000000 -w26   (-E is needed)
   Showed (spin 6.5.2; states, exhaustive): passes with the defaults, S=1 N=2 R=2 E=2 Q=2 (1.1 M, 3 s),
   S=1 N=1 R=3 E=1 Q=1 (2.6 M, 8 s), S=2 N=1 R=2 E=1 (0.4 M), S=2 N=1 R=2 E=2 (7.7 M, 21 s), S=1 N=2 R=3 E=1 Q=1 (6.6 M, 18 s).
   Among them are writers of a dead run that repeat a segment when a new run has completed a checkpoint.
   Each of the two fences alone is enough:
     -DLOCK       a manifest replaces what is in its place: passes (1.1 M)
     -DEXCL       no lock; a run that loses its place gives way: passes with -DN=1 -DE=1 -DQ=1 (2.1 M, 6 s)
   Negative controls, each fails with the defaults:
     -DNOLOCK     neither of the two: bytes that were seen change
     -DNOATT      logs named by epoch only: a stopped stage stores its snapshot over one that a manifest names
     -DEARLY      the manifest waits for the sink's ack alone: it names a log that is not durable
     -DPUBFIRST   published when sealed, before the manifest: the lane is longer than what the next run restores explains
     -DLATE       a source notes its position when it stores its snapshot, not when the barrier leaves: records are lost
     -DNOSTART    a stage restores what it found newest when it began, not what START names: records come twice
     -DANYRUN     a stage joins whichever coordinator listens: the coordinator of its own run waits for ever
     -DHINT       "published" is noted before it is: the next run does not publish what is pending
     -DCLEANPEND  of older attempts also goes what the manifest names as pending: it can never be published
     -DEXIT0      exit 0 at COMPLETE of the last epoch, before its publication
*/
#ifndef S
#define S 1                 /* sources (1 or 2; 2 = the stage aligns) */
#endif
#ifndef N
#define N 2                 /* records of each source (at most 4) */
#endif
#ifndef R
#define R 2                 /* runs of the same line (at most 3); the last one is not killed */
#endif
#ifndef E
#define E 2                 /* highest epoch that is not FINAL */
#endif
#ifndef Q
#define Q 2                 /* room in a pipe */
#endif
#define P (E+R)             /* epochs, which are places of the chain: each run that finds a FINAL one adds another */
#define L (S*N)
#define SRCS ((1<<S)-1)
#define ALL ((1<<(S+2))-1)
#define DATA 1
#define BAR 2
#define LAST 3              /* a barrier that is STOP or FINAL */
#define STOP 1
#define FINAL 2
#if defined(NOLOCK) || defined(EXCL)
#define FREE 1
#else
#define FREE (lk==0)
#endif
#if defined(NOLOCK) || defined(LOCK)
#define EXCLUSIVE 1
#else
#define EXCLUSIVE (newest==e)
#endif
#ifdef NOATT
#define FI(x,n) ((n)-1)     /* logs named by epoch only */
#else
#define FI(x,n) ((x)*P+(n)-1)
#endif
#define IN(m,n) (((m)>>(2*((n)-1)))&3)      /* the run + 1 whose segment is that of place n; 0: there is none */
chan c[R*S] = [Q] of {byte,byte};   /* source -> stage */
chan o[R] = [Q] of {byte,byte};     /* stage -> writer */
/* the store: lock; the newest manifest: place, its run + 1, lane length, whose segments are pending and the first of
   their places; logs of sources (position + 1) and stage; segments (offset, length + 1; records by offset); published */
byte lk, newest, mr, ml, mi=1; short mp;
byte fs[S*R*P], fk[R*P], so[R*P], sl[R*P], sg[R*L];
byte hint, hintr;
/* conversations with coordinator r: it listens; who has joined; START (nw: place, nr: run + 1, nl: length, np, ni: pending);
   who is restored, and GO; the place that it has made or found last; sources at their end; the trigger; acks, and what the
   writer's says; COMPLETE; PUBLISHED.  dd: it is gone.  Of pipeline r: gone: who has left; busy: who has begun to store; next: the
   first place that the writer has not published. */
bool hall[R], st[R], go[R], dd[R]; byte jn[R], nw[R], nr[R], nl[R], ni[R]; short np[R];
byte rd[R], own[R], en[R], tg[R], kind[R], ak[R], al[R], ai[R]; short ap[R]; byte cm[R], pub[R];
byte gone[R], busy[R], next[R];
byte out[L], ol;                    /* the lane that all see */
bool fin;                           /* the last run has exited 0, or gave way */
byte z, y;
/* every byte a reader sees: never changed later, no hole, right record, right keyed count */
inline write(off, t) { d_step {
  if :: off<ol -> assert(out[off]==t) :: else -> assert(off==ol && off<L && (t>>3)==off); z=0; y=0;
        do :: z<off -> if :: ((out[z]>>2)&1)==((t>>2)&1) -> y++ :: else fi; z++ :: else -> break od;
        assert(y==(t&3)); out[off]=t; ol++ fi; z=0; y=0 } }
/* A log that the manifest names never changes; one of a dead run that it does not name is of no use to anybody. */
#define NAMES(x,n) (newest==(n) && FI(mr-1,n)==FI(x,n))
inline store(file, bits) {
  assert(file==snap || !NAMES(r,e));
  if :: dd[k] && !NAMES(r,e) -> skip :: else -> file=snap; ak[k]=ak[k]|(bits) fi;
  snap=0; busy[r]=busy[r]&~(bits) }
#define BEFORE(b,mask) (((mask)&((b)-1))==(b)-1)    /* one after the other where the order makes no difference */
#ifdef ANYRUN
#define HALL(x,b) (hall[x] && !(jn[x]&(b)))
#define LISTENS(b) (HALL(0,b) || HALL(R-1,b))
#define WHOSE(b) if :: HALL(0,b) -> k=0 :: HALL(R-1,b) -> k=R-1 fi
#else
#define LISTENS(b) (hall[r] && BEFORE(b,jn[r]))
#define WHOSE(b) k=r
#endif
#ifdef NOSTART
#define BEGIN e=newest
#define NAMED e
#else
#define BEGIN skip
#define NAMED nw[k]
#endif
inline join(b) { BEGIN; if :: atomic { LISTENS(b) -> WHOSE(b); jn[k]=jn[k]|(b) } :: dd[r] -> goto dead fi }
#define TOLD(b) (st[k] && BEFORE(b,rd[k]))
/* What START names and what is pending is there, unless a later run has gone on. */
#define LOST assert(dd[k] || newest>own[k]); fin=fin || r==R-1
#define THERE(file) if :: file==0 -> LOST; goto dead :: else fi
#define READY(b) rd[k]=rd[k]|(b)
#define GO if :: go[k] :: dd[k] -> goto dead fi
#define PENDS(x) (next[x]!=0 && next[x]<=cm[x])
#ifdef NOATT
#define BEGUN(b) busy[r]=busy[r]|(b)
#else
#define BEGUN(b) skip       /* a log of a dead attempt, whose name is its own: nothing is changed by it */
#endif
#define SRC (1<<s)
#define STAGE (1<<S)
#define WRITER (2<<S)
/* It ends with its conversation, or when the last epoch is complete.  What flows after the death of the coordinator could only
   reach logs that nobody will name, and is left out; but what was begun may still be done. */
#define OVER(b) (BEFORE(b,gone[r]|busy[r]) && (dd[k] || (quiet && snap==0 && cm[k]>=e)))
proctype Src(byte r; byte s) {
  byte p, e, k, snap; bool quiet;
  join(SRC);
  if :: atomic { TOLD(SRC) -> e=NAMED;
       if :: e>0 -> THERE(fs[s*R*P+FI(nr[k]-1,e)]); p=fs[s*R*P+FI(nr[k]-1,e)]-1 :: else fi;
       READY(SRC) } :: dd[k] -> goto dead fi;
  GO;
  do
  :: atomic { p<N && !quiet && nfull(c[r*S+s]) && !dd[k] -> c[r*S+s]!DATA,p; p++ }
  :: atomic { p==N && !(en[k]&SRC) && !dd[k] -> en[k]=en[k]|SRC }
  :: atomic { tg[k]==e+1 && nfull(c[r*S+s]) && !dd[k] ->       /* the barrier leaves at once */
       e++; snap=p+1; BEGUN(SRC); quiet=(kind[k]!=0); c[r*S+s]!(quiet->LAST:BAR),e }
  :: atomic { snap!=0 ->                                       /* durable, and acked */
#ifdef LATE
       snap=p+1;
#endif
       store(fs[s*R*P+FI(r,e)], SRC) }
  :: atomic { OVER(SRC) -> goto dead }
  od;
dead: atomic { gone[r]=gone[r]|SRC; p=0; e=0; k=0; snap=0; quiet=0 }
}
inline recv(i) {
  c[r*S+i]?t,v;
  if :: t==DATA -> o[r]!DATA,((n[0]+n[1])*8+(i)*4+v); n[i]++
     :: else -> assert(v==e+1); bar=t; blk=blk|(1<<(i))
  fi; t=0; v=0
}
proctype Stage(byte r) {
  byte n[2], e, k, t, v, bar, blk, snap; bool quiet;
  join(STAGE);
  if :: atomic { TOLD(STAGE) -> e=NAMED;
       if :: e>0 -> THERE(fk[FI(nr[k]-1,e)]); n[0]=(fk[FI(nr[k]-1,e)]-1)/8; n[1]=(fk[FI(nr[k]-1,e)]-1)%8 :: else fi;
       READY(STAGE) } :: dd[k] -> goto dead fi;
  GO;
  do
  :: atomic { !(blk&1) && nempty(c[r*S]) && nfull(o[r]) && !dd[k] -> recv(0) }
#if S==2
  :: atomic { !(blk&2) && nempty(c[r*S+1]) && nfull(o[r]) && !dd[k] -> recv(1) }
#endif
  :: atomic { blk==SRCS && nfull(o[r]) && !dd[k] ->
       e++; snap=1+n[0]*8+n[1]; BEGUN(STAGE); quiet=(bar==LAST);
       o[r]!bar,e; bar=0; blk=0 }
  :: atomic { snap!=0 -> store(fk[FI(r,e)], STAGE) }
  :: atomic { OVER(STAGE) -> goto dead }
  od;
dead: atomic { gone[r]=gone[r]|STAGE; n[0]=0; n[1]=0; e=0; k=0; bar=0; blk=0; snap=0; quiet=0;
    do :: len(c[r*S])>0 -> c[r*S]?t,v :: else -> break od;
    do :: len(c[r*S+S-1])>0 -> c[r*S+S-1]?t,v :: else -> break od; t=0; v=0 }
}
#ifdef PUBFIRST
#define MAY 1
#else
#define MAY (next[r]<=cm[k])
#endif
/* The sink: seals at barriers, publishes what is complete.  at: how many records of the next place it has published. */
proctype Writer(byte r) {
  byte e, k, t, v, w, b, at; short pend; bool snap, quiet;
  join(WRITER);
  if :: atomic { TOLD(WRITER) -> e=NAMED; w=nl[k]; pend=np[k]; next[r]=ni[k];
    assert(ol<=w || newest>e);              /* else the lane is longer than START explains */
    READY(WRITER) } :: dd[k] -> goto dead fi;
  GO;
  do
  :: atomic { o[r]?[DATA,v] && !dd[k] -> o[r]?DATA,v; assert(w+b<L); sg[r*L+w+b]=v; b++; v=0 }
  :: atomic { nempty(o[r]) && !o[r]?[DATA,v] && !dd[k] -> o[r]?t,v; assert(v==e+1); e++; quiet=(t==LAST); snap=1;
       so[FI(r,e)]=w; sl[FI(r,e)]=b+1; w=w+b; b=0; pend=pend|((r+1)<<(2*(e-1))); t=0; v=0 }
  :: atomic { snap && !dd[k] -> al[k]=w; ap[k]=pend; ai[k]=next[r]; ak[k]=ak[k]|WRITER; snap=0 }
  :: atomic { next[r]<=e && MAY -> v=FI(IN(pend,next[r])-1,next[r]);
       if :: sl[v]==0 -> LOST; v=0; goto dead
          :: sl[v]!=0 && at<sl[v]-1 -> write(so[v]+at, sg[(IN(pend,next[r])-1)*L+so[v]+at]); at++
          :: else -> pend=pend-(IN(pend,next[r])<<(2*(next[r]-1))); pub[k]=next[r]; next[r]++; at=0
       fi; v=0 }
  :: atomic { OVER(WRITER) && (dd[k] || next[r]>e) -> goto dead }
  od;
dead: atomic { gone[r]=gone[r]|WRITER; e=0; k=0; w=0; b=0; next[r]=0; at=0; pend=0; snap=0; quiet=0;
    do :: len(o[r])>0 -> o[r]?t,v :: else -> break od; t=0; v=0 }
}
/* Attempts are numbered as they begin; who is dead and has nothing left to do may as well leave before the next one begins. */
#define BEGUN_OR_LEFT(x) (dd[x] -> (gone[x]|busy[x]|(PENDS(x)->WRITER:0))==ALL : st[x])
#define DIE :: r<R-1 -> goto dead
#ifdef CLEANPEND
#define NEEDED(x,n) ((x)==r && IN(mp,n)==(x)+1)
#else
#define NEEDED(x,n) (IN(mp,n)==(x)+1)
#endif
/* What the newest manifest does not name (no older one is kept) of runs low to high.  So goes what a dead run has left: nobody
   can name it any more. */
#ifdef NOATT
#define clean(low,high) skip
#else
inline clean(low, high) { d_step { i=low;
  do :: i<=high -> j=1; z=ml;
        do :: j<=P ->
              if :: NAMES(i,j) -> skip
                 :: else -> fk[FI(i,j)]=0; fs[FI(i,j)]=0;
#if S==2
                    fs[R*P+FI(i,j)]=0
#endif
              fi;
              if :: NEEDED(i,j) -> if :: so[FI(i,j)]<z -> z=so[FI(i,j)] :: else fi
                 :: else -> sl[FI(i,j)]=0; so[FI(i,j)]=0
              fi; j++
           :: else -> break od;
        j=0; do :: j<L -> if :: j<z || (j>=ml && dd[i]) -> sg[i*L+j]=0 :: else fi; j++ :: else -> break od;
        i++
     :: else -> break od; i=0; j=0; z=0 } }
#endif
proctype Coord(byte r) {
  byte e, i, j;
  if DIE                                        /* also who finds the lock taken */
  :: atomic { FREE && (r<1 || BEGUN_OR_LEFT(0)) && (r<2 || BEGUN_OR_LEFT(1)) -> lk=r+1; hall[r]=1 } fi;
  if DIE :: atomic { jn[r]==ALL -> hall[r]=0; e=newest; nw[r]=e; nr[r]=mr; nl[r]=ml; own[r]=e; cm[r]=e; tg[r]=e; st[r]=1;
    if :: hint==e && hintr==mr -> ni[r]=e+1 :: else -> np[r]=mp; ni[r]=mi fi } fi;
  if DIE :: atomic { rd[r]==ALL -> go[r]=1; rd[r]=0; nw[r]=0; nr[r]=0; nl[r]=0; np[r]=0; ni[r]=0 } fi;
  do
  DIE
  :: atomic { e<E || en[r]==SRCS ->
       if :: en[r]==SRCS -> kind[r]=FINAL
          :: en[r]!=SRCS -> kind[r]=0
          :: en[r]!=SRCS && r<R-1 -> kind[r]=STOP
       fi; ak[r]=0; tg[r]=e+1 };
     if
     DIE
#ifdef EARLY
     :: atomic { (ak[r]&WRITER) ->
#else
     :: atomic { ak[r]==ALL ->
#endif
          if :: EXCLUSIVE -> e++; own[r]=e :: else -> fin=fin || r==R-1; goto dead fi;
          if :: e>=newest -> newest=e; mr=r+1; ml=al[r]; mp=ap[r]; mi=ai[r] :: else fi }
     fi;
#ifdef HINT
     if DIE :: atomic { kind[r]!=0 -> hint=e; hintr=r+1 } :: kind[r]==0 fi;
#endif
     if DIE :: atomic { cm[r]=e; if :: newest==e -> clean(0,r) :: else fi } fi;
     if :: kind[r]!=0 -> break :: else fi
  od;
#ifndef EXIT0
  if DIE :: atomic { pub[r]>=e -> hint=e; hintr=r+1 } fi;
  if DIE :: gone[r]==ALL fi;
#endif
  atomic { assert(kind[r]==STOP || ol==L); fin=fin || r==R-1 };    /* exit 0, or 128+n */
dead: atomic { if :: lk==r+1 -> lk=0 :: else fi; dd[r]=1; hall[r]=0; st[r]=0; go[r]=0; jn[r]=0; rd[r]=0; en[r]=0;
    own[r]=0; nw[r]=0; nr[r]=0; nl[r]=0; np[r]=0; ni[r]=0; tg[r]=0; kind[r]=0; ak[r]=0; al[r]=0; ap[r]=0; ai[r]=0; pub[r]=0; e=0; clean(r,r) }
}
init {
  byte r;
  atomic {                                      /* each begins when it likes */
    do :: r<R -> run Src(r,0);
#if S==2
          run Src(r,1);
#endif
          run Stage(r); run Writer(r); run Coord(r); r++
       :: else -> break od };
  timeout;                                      /* nobody can move: then the last run must have ended well */
  assert(fin)
}
